// socket(2), socketpair(2): creation by an allowed family.
#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/socket.h"
#include "monitor/syscalls/socket_families.h"

namespace barchan {
namespace {

constexpr u32 kTypeMask = 0xf;
constexpr u32 kTypeFlags = 02004000;  // SOCK_CLOEXEC | SOCK_NONBLOCK

bool family_allowed(u32 family) {
  for (const u32 allowed : kSocketFamilies) {
    if (family == allowed) return true;
  }
  return false;
}

bool protocol_allowed(u32 family, u32 type, u32 protocol) {
  constexpr u32 kDatagram = 2, kRaw = 3;
  // Of other types there are none, which the host says.
  if (family != kFamilyNetlink || (type != kDatagram && type != kRaw)) return true;
  for (const u32 allowed : kNetlinkProtocols) {
    if (protocol == allowed) return true;
  }
  return false;
}

// Where the policy lists networks: sockets whose every packet goes to an address that was judged.
bool goes_by_address(u32 family, u32 type, u32 protocol) {
  constexpr u32 kStream = 1, kDatagram = 2, kTcp = 6, kUdp = 17;
  if (family != kFamilyInet && family != kFamilyInet6) return family != kFamilyPacket;
  if (type != kStream && type != kDatagram) return false;
  return protocol == 0 || protocol == kTcp || protocol == kUdp;
}

i64 option_of(int fd, int name, i32& value) {
  constexpr int kLevelSocket = 1;
  u32 size = sizeof value;
  return host::call(__NR_getsockopt, fd, kLevelSocket, name, &value, &size);
}

}  // namespace

i64 socket_error(int fd) {
  constexpr int kSoType = 3;
  i32 type;
  return option_of(fd, kSoType, type);
}

i64 first_of(int fd, i64 error) {
  if (error == host::kRestart) return error;
  const i64 first = socket_error(fd);
  return first < 0 ? first : error;
}

i64 sys_socket(Thread& t, const Call& c) {
  u32 family = static_cast<u32>(c.arg[0]);
  u32 type = static_cast<u32>(c.arg[1]);
  if (type & ~(kTypeMask | kTypeFlags)) return -EINVAL;
  if (!family_allowed(family)) return -EAFNOSUPPORT;
  if (!protocol_allowed(family, type & kTypeMask, static_cast<u32>(c.arg[2]))) return -EPROTONOSUPPORT;
  if (policy::lists_networks() && !goes_by_address(family, type & kTypeMask, static_cast<u32>(c.arg[2])))
    return policy::refused(-EACCES);
  return t.host(__NR_socket, family, type, static_cast<u32>(c.arg[2]));
}

i64 sys_socketpair(Thread&, const Call& c) {
  u32 family = static_cast<u32>(c.arg[0]);
  u32 type = static_cast<u32>(c.arg[1]);
  if (type & ~(kTypeMask | kTypeFlags)) return -EINVAL;
  if (!in_arena(c.arg[3], 2 * sizeof(i32))) return -EFAULT;
  if (!family_allowed(family)) return -EAFNOSUPPORT;
  i32 pair[2] = {-1, -1};
  i64 result = host::call(__NR_socketpair, family, type, static_cast<u32>(c.arg[2]), pair);
  if (result < 0) {
    // Linux writes the numbers before it makes the sockets.
    if (pair[1] >= 0 && copy_to_guest(c.arg[3], pair, sizeof pair) != 0) return -EFAULT;
    return result;
  }
  i64 first = fd_created(pair[0]);
  i64 second = fd_created(pair[1]);
  i64 error = first < 0 || second < 0 ? -EMFILE : copy_to_guest(c.arg[3], pair, sizeof pair);
  if (error == 0) return 0;
  if (first >= 0) host::call(__NR_close, pair[0]);
  if (second >= 0) host::call(__NR_close, pair[1]);
  return error;
}

}  // namespace barchan
