// recvmsg(2), recvmmsg(2). The kernel writes name and control data into private buffers; descriptors that
// arrive past the guest's limit are dropped as the kernel drops them (net/core/scm.c, scm_detach_fds).
#include <linux/time_types.h>

#include "host/uaccess.h"
#include "monitor/chaos/chaos.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/iovec.h"
#include "monitor/syscalls/message.h"
#include "monitor/syscalls/socket.h"

namespace barchan {
namespace {

// What one message can carry: 253 descriptors, credentials, time stamps, IP options: far less than this.
constexpr u64 kControlLimit = 65536;

// Rewrites received control data so that no descriptor is past the guest's limit. Returns the new length.
u64 limit_descriptors(u8* control, u64 length, u32& flags) {
  u64 in = 0, out = 0;
  while (length - in >= sizeof(ControlHeader)) {
    ControlHeader* header = reinterpret_cast<ControlHeader*>(control + in);
    u64 size = header->length;
    if (size < sizeof *header || size > length - in) break;
    u64 room = min(control_align(size), length - in);
    int* fds = reinterpret_cast<int*>(header + 1);
    u64 count = (size - sizeof *header) / sizeof(int);
    u64 kept = size, kept_room = room;
    if (header->level == kSolSocket && header->type == kScmRights) {
      u64 good = 0;
      for (u64 i = 0; i < count; i++) {
        // Numbers are given out from the lowest: after the first refused one all are refused.
        if (fd_created(fds[i]) >= 0) good++;
      }
      if (good < count) {
        flags |= kMsgCtrunc;
        kept = good == 0 ? 0 : sizeof *header + good * sizeof(int);
        kept_room = control_align(kept);
        header->length = kept;
      }
    } else if (header->level == kSolSocket && header->type == kScmPidfd && count == 1) {
      fds[0] = static_cast<int>(fd_created(fds[0]));
    }
    memmove(control + out, control + in, kept);
    out += kept_room;
    in += room;
  }
  return out;
}

}  // namespace

i64 receive_message(Thread& t, int fd, u64 message, u32 flags, u32& got_flags) {
  got_flags = 0;
  if (is_private(fd)) return -EBADF;
  MessageHeader m;
  if (read_guest(m, message) != 0) return -EFAULT;
  const u64 guest_name = m.name;
  const u64 guest_control = m.control;
  if (m.name == 0) m.name_length = 0;
  if (m.name_length < 0) return -EINVAL;
  const u64 name_room = min(static_cast<u64>(m.name_length), kAddressCapacity);

  if (m.vector_count > UIO_MAXIOV) return -EMSGSIZE;
  IoVector vector;
  i64 error = vector.read(m.vector, m.vector_count);
  if (error != 0) return error;
  chaos::shorten(t, {__NR_recvmsg, {host::word(fd)}}, vector);
  m.vector = reinterpret_cast<u64>(vector.items());

  u8 name[kAddressCapacity];
  m.name = guest_name != 0 ? reinterpret_cast<u64>(name) : 0;
  m.name_length = guest_name != 0 ? kAddressCapacity : 0;

  Scratch<1024> scratch;
  u8* control = nullptr;
  m.control_length = guest_control != 0 ? min(m.control_length, kControlLimit) : 0;
  if (m.control_length != 0) {
    if (!in_arena(guest_control, m.control_length)) return -EFAULT;
    control = static_cast<u8*>(scratch.get(m.control_length));
    if (control == nullptr) return -ENOMEM;
    // The kernel leaves gaps between control messages as they are; no monitor bytes may show there.
    memset(control, 0, m.control_length);
  }
  m.control = reinterpret_cast<u64>(control);

  i64 result = t.host(__NR_recvmsg, fd, &m, flags);
  if (result < 0) return result;

  u64 control_length =
      control != nullptr ? limit_descriptors(control, m.control_length, m.flags) : m.control_length;
  got_flags = m.flags;
  if (guest_name != 0) {
    u64 have = min(static_cast<u64>(m.name_length), kAddressCapacity);
    if (copy_to_guest(guest_name, name, min(have, name_room)) != 0) return -EFAULT;
    if (write_guest(message + offsetof(MessageHeader, name_length), m.name_length) != 0) return -EFAULT;
  }
  if (control_length != 0 && control != nullptr) {
    if (copy_to_guest(guest_control, control, control_length) != 0) return -EFAULT;
  }
  if (write_guest(message + offsetof(MessageHeader, flags), m.flags) != 0) return -EFAULT;
  if (write_guest(message + offsetof(MessageHeader, control_length), control_length) != 0) return -EFAULT;
  return result;
}

i64 sys_recvmsg(Thread& t, const Call& c) {
  u32 got_flags;
  const int fd = static_cast<int>(c.arg[0]);
  if (static_cast<u32>(c.arg[2]) & kMsgCompat) return -EINVAL;
  const i64 result = receive_message(t, fd, c.arg[1], static_cast<u32>(c.arg[2]), got_flags);
  return result == -EFAULT || result == -EINVAL ? first_of(fd, result) : result;
}

i64 sys_recvmmsg(Thread& t, const Call& c) {
  int fd = static_cast<int>(c.arg[0]);
  u64 count = min(static_cast<u64>(static_cast<u32>(c.arg[2])), static_cast<u64>(UIO_MAXIOV));
  u32 flags = static_cast<u32>(c.arg[3]);
  u64 guest_timeout = c.arg[4];
  if (flags & kMsgCompat) return -EINVAL;

  __kernel_timespec left = {}, now = {};
  i64 deadline = 0;
  if (guest_timeout != 0) {
    if (read_guest(left, guest_timeout) != 0) return -EFAULT;
    if (left.tv_sec < 0 || static_cast<u64>(left.tv_nsec) >= 1000000000) return -EINVAL;
    host::call(__NR_clock_gettime, 1, &now);
    i64 seconds = min<i64>(left.tv_sec, 4000000000);  // 126 years; nanoseconds fit 63 bits
    deadline = (now.tv_sec + seconds) * 1000000000 + now.tv_nsec + left.tv_nsec;
  }

  if (is_private(fd)) return -EBADF;
  i64 error = 0;
  u64 received = 0;
  for (u64 at = c.arg[1]; received < count; at += sizeof(MultiMessageHeader)) {
    u32 got_flags;
    i64 result = receive_message(t, fd, at, flags & ~kMsgWaitforone, got_flags);
    if (result >= 0) {
      error = write_guest(at + offsetof(MultiMessageHeader, length), static_cast<u32>(result));
    } else {
      error = result;
    }
    if (error != 0) break;
    received++;
    if (flags & kMsgWaitforone) flags |= kMsgDontwait;
    if (guest_timeout != 0) {
      // The time is looked at after each message only, as the kernel does (man 2 recvmmsg, BUGS).
      host::call(__NR_clock_gettime, 1, &now);
      i64 rest = max<i64>(deadline - (now.tv_sec * 1000000000 + now.tv_nsec), 0);
      left = {rest / 1000000000, rest % 1000000000};
      if (rest == 0) break;
    }
    if ((got_flags & kMsgOob) || t.pending) break;
  }
  if (received == 0) return first_of(fd, error);
  if (guest_timeout != 0 && write_guest(guest_timeout, left) != 0) return -EFAULT;
  return static_cast<i64>(received);
}

}  // namespace barchan
