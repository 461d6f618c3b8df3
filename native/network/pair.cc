#include "network/pair.h"

#include "host/string.h"
#include "host/syscall.h"

namespace barchan::network {
namespace {

using sandbox::Fd;

constexpr int kUnix = 1, kInet = 2, kInet6 = 10, kStream = 1, kCloseOnExec = 02000000, kNonblocking = 04000;
constexpr int kSolSocket = 1, kReceiveTimeout = 20, kSendTimeout = 21;
constexpr int kStrangersMost = 16;
constexpr int kSetFlags = 4, kReadWrite = 2;

struct Time {
  i64 seconds, microseconds;
};
// What programs of the sandbox can do to a connection in the making: keep it waiting.
constexpr Time kPatience = {1, 0}, kNone = {0, 0};

struct Address {
  alignas(8) u8 bytes[28] = {};
  u32 size = sizeof bytes;
};

Address loopback(bool ipv6) {
  Address address;
  const u16 family = ipv6 ? kInet6 : kInet;
  memcpy(address.bytes, &family, sizeof family);
  if (ipv6) {
    address.bytes[23] = 1;
  } else {
    address.bytes[4] = 127;
    address.bytes[7] = 1;
    address.size = 16;
  }
  return address;
}

bool same(const Address& a, const Address& b) {
  return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

Address name_of(const Fd& socket) {
  Address address;
  if (host::call(__NR_getsockname, socket.get(), address.bytes, &address.size) < 0) address.size = 0;
  return address;
}

i64 set_time(const Fd& socket, int option, const Time& time) {
  return host::call(__NR_setsockopt, socket.get(), kSolSocket, option, &time, sizeof time);
}

Pair failed(i64 result) {
  Pair pair;
  pair.error = result < 0 ? -result : EIO;
  return pair;
}

Pair connect_pair(bool ipv6) {
  const int family = ipv6 ? kInet6 : kInet;
  const Fd listener(host::call(__NR_socket, family, kStream | kCloseOnExec, 0));
  if (!listener.ok()) return failed(listener.error());
  Address address = loopback(ipv6);
  i64 r = host::call(__NR_bind, listener.get(), address.bytes, u64{address.size});
  if (r == 0) r = host::call(__NR_listen, listener.get(), kStrangersMost);
  if (r == 0) r = set_time(listener, kReceiveTimeout, kPatience);
  if (r < 0) return failed(r);
  address = name_of(listener);
  Pair pair;
  pair.ends[1] = Fd(host::call(__NR_socket, family, kStream | kCloseOnExec, 0));
  const Fd& theirs = pair.ends[1];
  if (!theirs.ok()) return failed(theirs.error());
  r = set_time(theirs, kSendTimeout, kPatience);
  if (r == 0) r = host::call(__NR_connect, theirs.get(), address.bytes, u64{address.size});
  if (r == 0) r = set_time(theirs, kSendTimeout, kNone);
  if (r < 0) return failed(r);
  const Address wanted = name_of(theirs);
  for (int i = 0; i <= kStrangersMost; i++) {
    Address peer;
    Fd ours(host::call(__NR_accept4, listener.get(), peer.bytes, &peer.size, kCloseOnExec | kNonblocking));
    if (!ours.ok()) return failed(ours.error());
    if (!same(peer, wanted)) continue;
    if (r = set_time(ours, kReceiveTimeout, kNone); r < 0) return failed(r);
    pair.ends[0] = static_cast<Fd&&>(ours);
    return pair;
  }
  return failed(-ECONNREFUSED);
}

}  // namespace

Pair unix_pair() {
  int ends[2];
  i64 r = host::call(__NR_socketpair, kUnix, kStream | kCloseOnExec, 0, ends);
  if (r < 0) return failed(r);
  Pair pair;
  pair.ends[0] = Fd(ends[0]);
  pair.ends[1] = Fd(ends[1]);
  r = host::call(__NR_fcntl, ends[0], kSetFlags, kReadWrite | kNonblocking);
  if (r < 0) return failed(r);
  return pair;
}

Pair tcp_pair(bool ipv6) {
  if (ipv6) {
    Pair pair = connect_pair(true);
    if (pair.error == 0) return pair;
  }
  return connect_pair(false);
}

}  // namespace barchan::network
