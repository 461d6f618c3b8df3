// getsockopt(2), setsockopt(2). Most options are flat: the kernel reads or writes the option's bytes in place,
// with the length in a private word. Options that hold pointers are copied (BPF filters) or answered as a
// kernel without the feature answers (netfilter tables, TCP_ZEROCOPY_RECEIVE, MPTCP_FULL_INFO, SCTP peel-off).
#include <linux/filter.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/scratch.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/socket.h"

namespace barchan {
namespace {

constexpr int kLevelIp = 0;
constexpr int kLevelSocket = 1;
constexpr int kLevelTcp = 6;
constexpr int kLevelUdp = 17;
constexpr int kLevelIpv6 = 41;
constexpr int kLevelIcmpv6 = 58;
constexpr int kLevelSctp = 132;
constexpr int kLevelUdplite = 136;
constexpr int kLevelRaw = 255;
constexpr int kLevelPacket = 263;
constexpr int kLevelNetlink = 270;
constexpr int kLevelTls = 282;
constexpr int kLevelMptcp = 284;

constexpr int kSoAttachFilter = 26;  // as a get: SO_GET_FILTER
constexpr int kSoAttachBpf = 50;
constexpr int kSoAttachReuseportCbpf = 51;
constexpr int kSoAttachReuseportEbpf = 52;
constexpr int kSoPeerpidfd = 77;
constexpr int kTcpZerocopyReceive = 35;
constexpr int kPacketFanoutData = 22;
constexpr int kMptcpFullInfo = 4;
constexpr int kSctpPeeloff = 102;
constexpr int kSctpConnectx3 = 111;
constexpr int kSctpPeeloffFlags = 122;
constexpr int kOriginalDestination = 80;  // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST

constexpr u64 kFilterMaximum = 4096;  // BPF_MAXINSNS

// A number that no protocol has. What is refused becomes it, so that the protocol says what it says of unknown options, in the
// order in which it says it.
constexpr int kNoOption = 0x7ffffff0;

// Options that this gate lets through.
bool option_known(int level, int name) {
  switch (level) {
    case kLevelIp:
      // From 64 on: iptables, arptables, ebtables, ipvs, multicast routing.
      return name < 64 || name == kOriginalDestination;
    case kLevelIpv6:
      if (name == 64 || name == 65 || name == 68 || name == 69) return false;  // ip6tables
      return name <= kOriginalDestination;
    case kLevelTcp: return name != kTcpZerocopyReceive;  // remaps guest pages behind the guest's page tables
    case kLevelSctp: return name != kSctpPeeloff && name != kSctpPeeloffFlags && name != kSctpConnectx3;
    case kLevelMptcp: return name != kMptcpFullInfo;
    case kLevelSocket:
    case kLevelUdp:
    case kLevelIcmpv6:
    case kLevelUdplite:
    case kLevelRaw:
    case kLevelPacket:
    case kLevelNetlink:
    case kLevelTls: return true;
  }
  return false;
}

// Source routes: packets would go to another place than the address that the policy judged. So would an SCTP
// association's further addresses, but such sockets are not made where it lists networks.
bool routes_elsewhere(int level, int name) {
  constexpr int kIpOptions = 4, kIpv6OldRthdr = 5, kIpv6Rthdr = 57;
  return (level == kLevelIp && name == kIpOptions) ||
         (level == kLevelIpv6 && (name == kIpv6OldRthdr || name == kIpv6Rthdr));
}

// A pointer to `size` bytes that the host may follow, or that it refuses; NULL stays.
u64 harmless(u64 value, u64 size) {
  constexpr u64 kHoleMost = 1 << 20;
  if (size < kHoleMost) return check::pointer(value, size, true);
  return value == 0 || in_arena(value, size) ? value : check::kBadPointer;
}

// struct sock_fprog at `value`: the program is copied, so that what the kernel attaches is what it verified,
// and so that its pointer is a checked one. What is wrong with it, the host says.
i64 attach_filter(int fd, int level, int name, u64 value) {
  sock_fprog program;
  if (read_guest(program, value) != 0)
    return host::call(__NR_setsockopt, fd, level, name, check::kBadPointer, sizeof program);
  Scratch<1024> scratch;
  if (program.filter != nullptr && program.len != 0 && program.len <= kFilterMaximum) {
    const u64 bytes = program.len * sizeof(sock_filter);
    void* copy = scratch.get(bytes);
    if (copy == nullptr) return -ENOMEM;
    const bool readable = copy_from_guest(copy, reinterpret_cast<u64>(program.filter), bytes) == 0;
    program.filter = static_cast<sock_filter*>(readable ? copy : reinterpret_cast<void*>(check::kBadPointer));
  } else if (program.filter != nullptr) {
    program.filter = reinterpret_cast<sock_filter*>(check::kBadPointer);
  }
  return host::call(__NR_setsockopt, fd, level, name, &program, sizeof program);
}

// The descriptor of a BPF program; guests have none of their own making, as bpf(2) is denied.
i64 attach_program(int fd, int level, int name, u64 value) {
  i32 number;
  if (read_guest(number, value) != 0)
    return host::call(__NR_setsockopt, fd, level, name, check::kBadPointer, sizeof number);
  if (is_private(number)) number = check::kClosedFd;
  return host::call(__NR_setsockopt, fd, level, name, &number, sizeof number);
}

// SO_PEERPIDFD makes a descriptor.
i64 peer_pidfd(int fd, u64 value, u64 length_at, u32 length) {
  i32 made = -1;
  u32 size = sizeof made;
  i64 result = host::call(__NR_getsockopt, fd, kLevelSocket, kSoPeerpidfd, &made, &size);
  if (result < 0) return result;
  i64 kept = fd_created(made);
  if (kept < 0) return kept;
  size = min(size, length);
  i64 error = write_guest(length_at, size);
  if (error == 0) error = copy_to_guest(value, &made, size);
  if (error != 0) host::call(__NR_close, made);
  return error;
}

}  // namespace

i64 sys_setsockopt(Thread& t, const Call& c) {
  int fd = static_cast<int>(c.arg[0]), level = static_cast<int>(c.arg[1]), name = static_cast<int>(c.arg[2]);
  u64 value = c.arg[3];
  i32 length = static_cast<i32>(c.arg[4]);
  if (is_private(fd)) return -EBADF;
  if (!option_known(level, name)) name = kNoOption;
  if (policy::lists_networks() && routes_elsewhere(level, name)) return policy::refused(-EACCES);
  // Which of the errors comes first is the host's to say: to it, memory past the arena is bad memory.
  value = harmless(value, static_cast<u64>(max(length, 0)));
  const bool filters =
      (level == kLevelSocket && (name == kSoAttachFilter || name == kSoAttachReuseportCbpf)) ||
      (level == kLevelPacket && name == kPacketFanoutData);
  if (filters && length == sizeof(sock_fprog)) return attach_filter(fd, level, name, value);
  // A fan-out by an eBPF program is set by a descriptor too.
  const bool programs = (level == kLevelSocket && (name == kSoAttachBpf || name == kSoAttachReuseportEbpf)) ||
                        (level == kLevelPacket && name == kPacketFanoutData);
  if (programs && length == sizeof(i32)) return attach_program(fd, level, name, value);
  return t.host(__NR_setsockopt, fd, level, name, value, length);
}

i64 sys_getsockopt(Thread& t, const Call& c) {
  int fd = static_cast<int>(c.arg[0]), level = static_cast<int>(c.arg[1]), name = static_cast<int>(c.arg[2]);
  u64 value = c.arg[3], length_at = c.arg[4];
  if (is_private(fd)) return -EBADF;
  if (!option_known(level, name)) name = kNoOption;
  u32 length = 0;
  if (read_guest(length, length_at) != 0)
    return t.host(__NR_getsockopt, fd, level, name, check::kBadPointer, check::kBadPointer);
  // SO_GET_FILTER counts instructions, not bytes. A negative length is refused; should an option take it for a large one,
  // it writes no more than the option has.
  constexpr u64 kLargestOption = 64 << 10;
  const u64 unit = level == kLevelSocket && name == kSoAttachFilter ? sizeof(sock_filter) : 1;
  const u64 room = static_cast<i32>(length) < 0 ? kLargestOption : length * unit;
  value = harmless(value, room);
  if (level == kLevelSocket && name == kSoPeerpidfd && static_cast<i32>(length) >= 0)
    return peer_pidfd(fd, value, length_at, length);
  u32 given = length;
  i64 result = t.host(__NR_getsockopt, fd, level, name, value, &length);
  if (result == host::kRestart) return result;
  // Some options report the size they need together with an error (SO_PEERGROUPS: ERANGE).
  if ((result >= 0 || length != given) && write_guest(length_at, length) != 0) return -EFAULT;
  return result;
}

}  // namespace barchan
