// createTcpPair: two connected TCP sockets of the loopback interface. A program that believes to be connected sets TCP's
// options and asks for addresses, which a socket pair refuses.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "addon/addon.h"

namespace barchan::addon {
namespace {

constexpr int kStrangersMost = 16;  // others may connect to the port while it is there

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  bool operator==(const Address& other) const {
    return size == other.size && memcmp(&storage, &other.storage, size) == 0;
  }
};

Address loopback(int family) {
  Address address;
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.size = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in->sin6_family = AF_INET6;
    in->sin6_addr = in6addr_loopback;
    address.size = sizeof *in;
  }
  return address;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }
  int take() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

Address name_of(int fd) {
  Address address;
  address.size = sizeof address.storage;
  if (getsockname(fd, address.get(), &address.size) != 0) address.size = 0;
  return address;
}

// The name of the call that failed, with errno; null when both ends are there.
const char* connect_pair(int family, int (&ends)[2]) {
  const Socket listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) return "socket";
  Address address = loopback(family);
  if (bind(listener.get(), address.get(), address.size) != 0) return "bind";
  if (listen(listener.get(), kStrangersMost) != 0) return "listen";
  address = name_of(listener.get());
  Socket guests(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (guests.get() < 0) return "socket";
  // On the loopback interface the listener's kernel answers at once.
  if (connect(guests.get(), address.get(), address.size) != 0) return "connect";
  const Address wanted = name_of(guests.get());
  for (int i = 0; i <= kStrangersMost; i++) {
    Address peer;
    peer.size = sizeof peer.storage;
    Socket ours(accept4(listener.get(), peer.get(), &peer.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (ours.get() < 0) return "accept4";
    if (!(peer == wanted)) continue;
    ends[0] = ours.take();
    ends[1] = guests.take();
    return nullptr;
  }
  errno = ECONNREFUSED;
  return "accept4";
}

}  // namespace

Napi::Value create_tcp_pair(const Napi::CallbackInfo& info, Descriptors& descriptors) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsBoolean()) return fail_argument(env, "createTcpPair(ipv6: boolean)");
  int ends[2];
  if (const char* call = connect_pair(info[0].As<Napi::Boolean>().Value() ? AF_INET6 : AF_INET, ends))
    return fail(env, {"ERR_SYSTEM", errno, call, "Cannot connect two sockets", {}, {}});
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, descriptors.add(ends[0]));
  pair.Set(1u, descriptors.add(ends[1]));
  return pair;
}

}  // namespace barchan::addon
