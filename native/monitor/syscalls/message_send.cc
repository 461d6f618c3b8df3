// sendmsg(2), sendmmsg(2). Descriptors in control data (SCM_RIGHTS) are checked under fd_lock, in the same
// step in which the kernel takes its references: a number that the monitor is about to use for a descriptor
// of its own must not be sent away.
#include <linux/poll.h>
#include <linux/time_types.h>

#include "host/uaccess.h"
#include "monitor/chaos/chaos.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/iovec.h"
#include "monitor/syscalls/message.h"
#include "monitor/syscalls/socket.h"

namespace barchan {
namespace {

constexpr int kGetStatusFlags = 3;  // F_GETFL
constexpr i64 kNonblock = 04000;    // O_NONBLOCK
constexpr int kSoType = 3;
constexpr int kSoSndtimeo = 67;  // SO_SNDTIMEO_NEW: two 64-bit words
constexpr int kSockStream = 1;
constexpr int kSolIp = 0, kSolIpv6 = 41;
constexpr int kIpRetopts = 7, kIpv6OldRthdr = 5, kIpv6Rthdr = 57;
// More than any optmem_max in use (sysctl net.core); the kernel has the last word below it.
constexpr u64 kControlLimit = 1 << 20;

// Calls visit(header, data, size) for each control message the kernel would see, in its order; stops where the
// kernel would give EINVAL.
template <typename Visit> void each_control(u8* control, u64 length, Visit visit) {
  u64 at = 0;
  while (length - at >= sizeof(ControlHeader)) {
    ControlHeader* header = reinterpret_cast<ControlHeader*>(control + at);
    if (header->length < sizeof *header || header->length > length - at) return;
    u64 step = control_align(header->length);  // before the visitor moves things
    visit(*header, reinterpret_cast<int*>(header + 1), header->length - sizeof *header);
    if (step > length - at) return;
    at += step;
  }
}

bool holds_rights(u8* control, u64 length) {
  bool found = false;
  each_control(control, length, [&](const ControlHeader& header, int*, u64) {
    found |= header.level == kSolSocket && header.type == kScmRights;
  });
  return found;
}

// A route in control data would take a packet to another place than the address says (man 7 ip, IP_RETOPTS; RFC 3542).
bool routes_elsewhere(u8* control, u64 length) {
  bool found = false;
  each_control(control, length, [&](const ControlHeader& header, int*, u64) {
    found |= (header.level == kSolIp && header.type == kIpRetopts) ||
             (header.level == kSolIpv6 && (header.type == kIpv6Rthdr || header.type == kIpv6OldRthdr));
  });
  return found;
}

bool rights_are_private(u8* control, u64 length) {
  bool found = false;
  each_control(control, length, [&](const ControlHeader& header, int* fds, u64 size) {
    if (header.level != kSolSocket || header.type != kScmRights) return;
    for (u64 i = 0; i < size / sizeof(int); i++) found |= is_private(fds[i]);
  });
  return found;
}

// The descriptors went with the first part: what follows must not send them again. Other control data
// (credentials) belongs to every part.
u64 without_rights(u8* control, u64 length) {
  u64 kept = 0;
  each_control(control, length, [&](const ControlHeader& header, int*, u64) {
    if (header.level == kSolSocket && header.type == kScmRights) return;
    u64 size = header.length;
    u64 offset = static_cast<u64>(reinterpret_cast<const u8*>(&header) - control);
    memmove(control + kept, control + offset, size);
    kept += control_align(size);
  });
  return min(kept, length);
}

i64 now_ns() {
  __kernel_timespec now = {};
  host::call(__NR_clock_gettime, 1, &now);
  return now.tv_sec * 1000000000 + now.tv_nsec;
}

// Waits until `fd` may take data, no longer than until `deadline` (0: for ever). 0, -EAGAIN when the time is
// up, -EINTR or kRestart. `spurious` counts wake-ups without room: a datagram socket that is not connected
// does not poll for its peer's queue, so later rounds sleep a little.
i64 wait_for_room(Thread& t, int fd, i64 deadline, int spurious) {
  i64 left = deadline == 0 ? -1 : deadline - now_ns();
  if (deadline != 0 && left <= 0) return -EAGAIN;
  pollfd entry = {fd, static_cast<short>(spurious == 0 ? POLLOUT : 0), 0};
  if (spurious != 0) {
    i64 nap = spurious < 8 ? 1000000 : 5000000;
    left = left < 0 ? nap : min(left, nap);
  }
  __kernel_timespec limit = {left / 1000000000, left % 1000000000};
  i64 result = t.host(__NR_ppoll, &entry, 1, left < 0 ? nullptr : &limit, nullptr, 0);
  return result < 0 ? result : 0;
}

i64 option_of(int fd, int name, void* value, u32 size) {
  u32 length = size;
  return host::call(__NR_getsockopt, fd, kSolSocket, name, value, &length);
}

// A send that carries descriptors. The kernel takes them in a step that cannot sleep, so that fd_lock is
// never held over a wait; sleeping is done here as the kernel would do it.
i64 send_with_rights(Thread& t, int fd, MessageHeader& m, IoVector& vector, u32 flags) {
  u8* control = reinterpret_cast<u8*>(m.control);
  i64 status = host::call(__NR_fcntl, fd, kGetStatusFlags);
  if (status < 0) return status;
  bool may_wait = !(flags & kMsgDontwait) && !(status & kNonblock);
  i64 deadline = 0;
  for (int round = 0;; round++) {
    i64 result;
    if (!fd_lock_shared(t)) return host::kRestart;
    if (rights_are_private(control, m.control_length)) {
      result = -EBADF;
    } else {
      result = host::call(__NR_sendmsg, fd, &m, flags | kMsgDontwait);
    }
    fd_unlock_shared(t);
    if (!may_wait) return result;
    if (result >= 0) {
      int type = 0;
      option_of(fd, kSoType, &type, sizeof type);
      if (static_cast<u64>(result) >= vector.bytes() || type != kSockStream) return result;
      vector.advance(static_cast<u64>(result));
      m.vector = reinterpret_cast<u64>(vector.items());
      m.vector_count = vector.count();
      m.control_length = without_rights(control, m.control_length);
      i64 rest = t.host(__NR_sendmsg, fd, &m, flags);
      return rest > 0 ? result + rest : result;
    }
    if (result != -EAGAIN) return result;
    if (round == 0) {
      i64 limit[2] = {};  // seconds, microseconds
      option_of(fd, kSoSndtimeo, limit, sizeof limit);
      if (limit[0] != 0 || limit[1] != 0) deadline = now_ns() + limit[0] * 1000000000 + limit[1] * 1000;
    }
    i64 waited = wait_for_room(t, fd, deadline, round);
    if (waited != 0) return waited;
  }
}

}  // namespace

i64 send_message(Thread& t, int fd, u64 message, u32 flags, bool& partial) {
  partial = false;
  if (is_private(fd)) return -EBADF;
  MessageHeader m;
  if (read_guest(m, message) != 0) return -EFAULT;

  if (m.name == 0) m.name_length = 0;
  if (m.name_length < 0) return -EINVAL;
  u8 name[kAddressCapacity];
  u64 name_length = min(static_cast<u64>(m.name_length), kAddressCapacity);
  if (name_length != 0 && copy_from_guest(name, m.name, name_length) != 0) return -EFAULT;
  if (name_length != 0 && !policy::reachable(policy::active, policy::Use::kSend, name, name_length))
    return policy::refused(-EACCES);
  m.name = name_length != 0 ? reinterpret_cast<u64>(name) : 0;
  m.name_length = static_cast<i32>(name_length);

  if (m.vector_count > UIO_MAXIOV) return -EMSGSIZE;
  IoVector vector;
  i64 error = vector.read(m.vector, m.vector_count);
  if (error != 0) return error;
  chaos::shorten(t, {__NR_sendmsg, {host::word(fd)}}, vector);
  m.vector = reinterpret_cast<u64>(vector.items());

  if (m.control_length > kControlLimit) return -ENOBUFS;
  Scratch<1024> control;
  bool rights = false;
  if (m.control_length != 0) {
    u8* copy = static_cast<u8*>(control.get(m.control_length));
    if (copy == nullptr) return -ENOBUFS;
    if (copy_from_guest(copy, m.control, m.control_length) != 0) return -EFAULT;
    m.control = reinterpret_cast<u64>(copy);
    rights = holds_rights(copy, m.control_length);
    if (policy::lists_networks() && routes_elsewhere(copy, m.control_length)) return policy::refused(-EACCES);
  } else {
    m.control = 0;
  }

  u64 whole = vector.bytes();
  i64 result = rights ? send_with_rights(t, fd, m, vector, flags) : t.host(__NR_sendmsg, fd, &m, flags);
  partial = result >= 0 && static_cast<u64>(result) < whole;
  return result;
}

i64 sys_sendmsg(Thread& t, const Call& c) {
  bool partial;
  const int fd = static_cast<int>(c.arg[0]);
  if (static_cast<u32>(c.arg[2]) & kMsgCompat) return -EINVAL;
  const i64 result = send_message(t, fd, c.arg[1], static_cast<u32>(c.arg[2]), partial);
  return result == -EFAULT || result == -EINVAL ? first_of(fd, result) : result;
}

i64 sys_sendmmsg(Thread& t, const Call& c) {
  int fd = static_cast<int>(c.arg[0]);
  u64 count = min(static_cast<u64>(static_cast<u32>(c.arg[2])), static_cast<u64>(UIO_MAXIOV));
  if (static_cast<u32>(c.arg[3]) & kMsgCompat) return -EINVAL;
  if (is_private(fd)) return -EBADF;
  i64 error = 0;
  u64 sent = 0;
  for (u64 at = c.arg[1]; sent < count; at += sizeof(MultiMessageHeader)) {
    bool partial;
    i64 result = send_message(t, fd, at, static_cast<u32>(c.arg[3]), partial);
    if (result >= 0) {
      error = write_guest(at + offsetof(MultiMessageHeader, length), static_cast<u32>(result));
    } else {
      error = result;
    }
    if (error != 0) break;
    sent++;
    if (partial || t.pending) break;
  }
  return sent != 0 ? static_cast<i64>(sent) : first_of(fd, error);
}

}  // namespace barchan
