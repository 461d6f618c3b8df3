// ioctl(2): a table of the requests that programs in a container use. What is not in it is ENOTTY, the answer of a
// device that does not know the request; in particular no KVM, block-writing or network-configuring one is.
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/sockios.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/ioctl_table.h"

namespace barchan {
namespace {

using ioctls::Argument;

constexpr u64 kConfigBufferMost = 64 * 1024;

struct InterfaceList {  // struct ifconf
  i32 length;
  u32 pad;
  u64 buffer;  // GUEST
};

// SIOCGIFCONF: the kernel fills the guest's buffer in place; only the structure around it is ours.
i64 list_interfaces(Thread& t, const Call& c) {
  InterfaceList list;
  if (read_guest(list, c.arg[2]) != 0) return -EFAULT;
  if (list.buffer != 0) {
    if (list.length < 0) return -EINVAL;
    list.length = static_cast<i32>(min<u64>(static_cast<u64>(list.length), kConfigBufferMost));
    if (!in_arena(list.buffer, static_cast<u64>(list.length))) return -EFAULT;
  }
  i64 result = t.host(__NR_ioctl, c.arg[0], static_cast<u32>(c.arg[1]), &list);
  if (result < 0) return result;
  return write_guest(c.arg[2], list.length) != 0 ? -EFAULT : result;
}

i64 clone_range(Thread& t, const Call& c) {
  file_clone_range range;
  if (read_guest(range, c.arg[2]) != 0) return -EFAULT;
  if (is_private(static_cast<int>(range.src_fd))) return -EBADF;
  return t.host(__NR_ioctl, c.arg[0], static_cast<u32>(c.arg[1]), &range);
}

// The kernel takes no more than a page of this structure (fs/ioctl.c).
i64 dedupe_range(Thread& t, const Call& c) {
  file_dedupe_range head;
  if (read_guest(head, c.arg[2]) != 0) return -EFAULT;
  u64 size = sizeof head + u64{head.dest_count} * sizeof(file_dedupe_range_info);
  if (size > kPageSize) return -ENOMEM;
  alignas(8) u8 bytes[kPageSize];
  auto* copy = reinterpret_cast<file_dedupe_range*>(bytes);
  if (copy_from_guest(bytes, c.arg[2], size) != 0) return -EFAULT;
  copy->dest_count = head.dest_count;
  constexpr i64 kNeverOpen = 0x7fffffff;
  for (u32 i = 0; i < head.dest_count; i++) {
    auto& destination = copy->info[i].dest_fd;
    if (is_private(static_cast<int>(destination))) destination = kNeverOpen;
  }
  i64 result = t.host(__NR_ioctl, c.arg[0], static_cast<u32>(c.arg[1]), copy);
  if (result < 0) return result;
  for (u32 i = 0; i < head.dest_count; i++) {
    u64 at = c.arg[2] + sizeof head + i * sizeof(file_dedupe_range_info);
    u64 outcome = offsetof(file_dedupe_range_info, bytes_deduped);
    constexpr size_t kOutcomeSize = sizeof(u64) + sizeof(i32);  // and status
    if (copy_to_guest(at + outcome, &copy->info[i].bytes_deduped, kOutcomeSize) != 0) return -EFAULT;
  }
  return result;
}

// Line disciplines other than the terminal's own are kernel surface that no program in a container needs.
i64 set_discipline(Thread& t, const Call& c) {
  i32 discipline;
  if (read_guest(discipline, c.arg[2]) != 0) return -EFAULT;
  if (discipline != 0) return -EPERM;
  return t.host(__NR_ioctl, c.arg[0], static_cast<u32>(c.arg[1]), &discipline);
}

}  // namespace

i64 sys_ioctl(Thread& t, const Call& c) {
  u32 request = static_cast<u32>(c.arg[1]);
  u64 argument = c.arg[2];  // GUEST
  // Whatever the request, a closed descriptor is EBADF.
  const ioctls::Request* found = ioctls::find(request);
  if (found == nullptr || found->argument == Argument::kRefused) {
    i64 flags = host::call(__NR_fcntl, c.arg[0], F_GETFD, 0);
    return flags < 0 ? flags : found == nullptr ? -ENOTTY : -static_cast<i64>(found->detail);
  }
  switch (found->argument) {
    case Argument::kValue:
      // 32 bits: should some driver take it for an address after all, it is none of the monitor's.
      argument = static_cast<u32>(argument);
      break;
    case Argument::kPointer:
      // NULL goes on: some requests (TCSETS on what is no terminal) fail before they look.
      argument = check::pointer(argument, found->detail, true);
      break;
    case Argument::kFd:
      if (is_private(static_cast<int>(argument))) argument = check::kClosedFd;
      break;
    case Argument::kNewFd:
      return fd_created(t.host(__NR_ioctl, c.arg[0], request, static_cast<u32>(argument)));
    case Argument::kInterfaceList: return list_interfaces(t, c);
    case Argument::kCloneRange: return clone_range(t, c);
    case Argument::kDedupeRange: return dedupe_range(t, c);
    case Argument::kDiscipline: return set_discipline(t, c);
    case Argument::kRefused: break;
  }
  return t.host(__NR_ioctl, c.arg[0], request, argument);
}

}  // namespace barchan
