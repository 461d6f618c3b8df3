// ioctl(2): a table of the requests that programs in a container use. What is not in it gets the answer of an object that
// does not know the request (mostly ENOTTY); in particular no KVM, block-writing or network-configuring one is.
#include <asm/ioctls.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <linux/stat.h>

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
  if (read_guest(list, c.arg[2]) != 0)
    return t.host(__NR_ioctl, c.arg[0], static_cast<u32>(c.arg[1]), check::kBadPointer);
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

bool is_object(int fd, ioctls::Object object) {
  struct stat status;
  if (host::call(__NR_fstat, fd, &status) != 0) return false;
  constexpr u64 kRandom = 1u << 8 | 8, kUrandom = 1u << 8 | 9;
  const bool regular = S_ISREG(status.st_mode);
  switch (object) {
    case ioctls::Object::kAny: return true;
    case ioctls::Object::kRegular: return regular;
    case ioctls::Object::kDiskFile: return (regular || S_ISDIR(status.st_mode)) && status.st_dev >> 8 != 0;
    case ioctls::Object::kSocket: return S_ISSOCK(status.st_mode);
    case ioctls::Object::kRandom:
      return S_ISCHR(status.st_mode) && (status.st_rdev == kRandom || status.st_rdev == kUrandom);
    case ioctls::Object::kTerminal: {
      u8 settings[64];
      return S_ISCHR(status.st_mode) && host::call(__NR_ioctl, fd, TCGETS, settings) == 0;
    }
  }
  return false;
}

}  // namespace

i64 sys_ioctl(Thread& t, const Call& c) {
  u32 request = static_cast<u32>(c.arg[1]);
  u64 argument = c.arg[2];  // GUEST
  const ioctls::Request* found = ioctls::find(request);
  if (found == nullptr || found->argument == Argument::kRefused) {
    constexpr u32 kSocketType = 0x89;
    const bool of_socket = (request >> 8 & 0xff) == kSocketType;
    const i64 unknown =
        host::call(__NR_ioctl, c.arg[0], of_socket ? ioctls::kNoSocketRequest : ioctls::kNoRequest,
                   check::pointer(argument, ioctls::kInterface, false));
    if (of_socket && unknown == -EFAULT) return unknown;
    const bool closed = unknown == -EBADF;  // or opened with O_PATH
    const bool refused = found && !closed && is_object(static_cast<int>(c.arg[0]), found->object);
    return refused ? -static_cast<i64>(found->detail) : unknown;
  }
  switch (found->argument) {
    case Argument::kValue:
      // 32 bits: should some driver take it for an address after all, it is none of the monitor's.
      argument = min(argument, u64{~u32{0}});
      break;
    case Argument::kPointer:
      // NULL goes on: some requests (TCSETS on what is no terminal) fail before they look.
      argument = check::pointer(argument, found->detail, true);
      break;
    case Argument::kFd:
      if (is_private(static_cast<int>(argument))) argument = check::kClosedFd;
      break;
    case Argument::kNewFd:
      return fd_created(t.host(__NR_ioctl, c.arg[0], request, min(argument, u64{~u32{0}})));
    case Argument::kInterfaceList: return list_interfaces(t, c);
    case Argument::kCloneRange: return clone_range(t, c);
    case Argument::kDedupeRange: return dedupe_range(t, c);
    case Argument::kDiscipline: return set_discipline(t, c);
    case Argument::kRefused: break;
  }
  return t.host(__NR_ioctl, c.arg[0], request, argument);
}

}  // namespace barchan
