// Purpose: opens sockets for Node: in the network namespace of one sandbox, where Node answers for all the world, or pairs of them
//          in a namespace apart, of which programs of the sandbox are given one end.
// Owner:   network: a small freestanding process for each VirtualNetwork (lib/harness/network.ts), and for each sandbox whose
//          handlers serve connections (lib/intercept-connections.ts).
// Threads: one. Trust: requests come from Node (abi/network.h). No guest can see this process, whose PID namespace is
//          Node's, nor has it a descriptor of the socket. It keeps one capability in the sandbox's user namespace: ports
//          below 1024.
#include "abi/network.h"
#include "host/pass_descriptor.h"
#include "host/string.h"
#include "host/syscall.h"
#include "network/pair.h"
#include "network/routes.h"
#include "sandbox/config.h"
#include "sandbox/failure.h"
#include "sandbox/namespaces.h"
#include "sandbox/network.h"
#include "sandbox/privileges.h"
#include "sandbox/read_config.h"
#include "sandbox/tree.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sched.h>

namespace barchan::network {
namespace {

using sandbox::check;
using sandbox::Failure;
using sandbox::Fd;

constexpr int kSocket = 3, kKeeper = 4, kBlob = 5;
constexpr int kInet = 2, kInet6 = 10, kCloseOnExec = 02000000, kNonblocking = 04000;
constexpr int kBacklog = 128;
constexpr int kSolSocket = 1, kReuseAddress = 2;
constexpr int kSolIp = 0, kFreebind = 15, kSolIpv6 = 41, kIpv6Only = 26, kIpv6Freebind = 78;

sandbox::Config config;

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

void send(const char* bytes, size_t size, int fd = -1, int second = -1) {
  if (host::send_descriptor(kSocket, bytes, size, fd, second) < 0) leave(0);
}

// `apart`: with nothing of the sandbox's network, so that what a program does with its end concerns its own sandbox's ends only.
Failure enter(bool apart) {
  if (Failure f = sandbox::read_config(kBlob, config)) return f;
  host::call(__NR_close, kBlob);
  sandbox::leave_groups();
  const u64 joined = CLONE_NEWUSER | (apart ? 0 : CLONE_NEWNET);
  if (Failure f = check(host::call(__NR_setns, kKeeper, joined), "join")) return f;
  host::call(__NR_close, kKeeper);
  if (apart) {
    if (Failure f = check(host::call(__NR_unshare, CLONE_NEWNET), "network-namespace")) return f;
  }
  if (Failure f = sandbox::become_user(config)) return f;
  if (Failure f = sandbox::start_loopback()) return f;
  if (apart) return sandbox::drop_privileges();
  if (Failure f = own_all_addresses()) return f;
  return sandbox::drop_privileges(CAP_NET_BIND_SERVICE);
}

i64 set(int socket, int level, int option) {
  const int one = 1;
  return host::call(__NR_setsockopt, socket, level, option, &one, sizeof one);
}

struct Address {  // sockaddr_in6, and sockaddr_in in its beginning
  u16 family;
  u8 port[2];
  u8 flow_or_address[4];
  u8 address6[16];
  u32 scope;
};
static_assert(sizeof(Address) == 28);

Fd open_socket(const abi::SocketRequest& request) {
  const bool ipv6 = request.ipv6 != 0, stream = request.type == abi::kSocketStream;
  if ((!stream && request.type != abi::kSocketDatagram) || request.port < 1 || request.port > 65535)
    return Fd(-EINVAL);
  Fd socket(
      host::call(__NR_socket, ipv6 ? kInet6 : kInet, (stream ? 1 : 2) | kCloseOnExec | kNonblocking, 0));
  if (!socket.ok()) return socket;
  // Not for datagrams: two sockets of one address would share what comes.
  i64 r = stream ? set(socket.get(), kSolSocket, kReuseAddress) : 0;
  if (r == 0 && ipv6) r = set(socket.get(), kSolIpv6, kIpv6Only);
  if (r == 0) r = set(socket.get(), ipv6 ? kSolIpv6 : kSolIp, ipv6 ? kIpv6Freebind : kFreebind);
  Address address = {};
  address.family = ipv6 ? kInet6 : kInet;
  address.port[0] = static_cast<u8>(request.port >> 8);
  address.port[1] = static_cast<u8>(request.port);
  if (ipv6)
    memcpy(address.address6, request.address, 16);
  else
    memcpy(address.flow_or_address, request.address, 4);
  if (r == 0) r = host::call(__NR_bind, socket.get(), &address, ipv6 ? sizeof address : size_t{16});
  if (r == 0 && stream) r = host::call(__NR_listen, socket.get(), kBacklog);
  if (r < 0) return Fd(r);
  return socket;
}

// False at the end.
bool take_request() {
  abi::SocketRequest request;
  i64 size;
  do size = host::call(__NR_recvfrom, kSocket, &request, sizeof request, 0, nullptr, nullptr);
  while (size == -EINTR);
  if (size != sizeof request) return false;
  if (request.type == abi::kSocketTcpPair || request.type == abi::kSocketUnixPair) {
    const Pair pair = request.type == abi::kSocketUnixPair ? unix_pair() : tcp_pair(request.ipv6 != 0);
    const abi::SocketAnswer answer = {request.id, static_cast<u32>(pair.error)};
    send(reinterpret_cast<const char*>(&answer), sizeof answer, pair.ends[0].get(), pair.ends[1].get());
    return true;
  }
  const Fd socket = open_socket(request);
  const abi::SocketAnswer answer = {request.id, static_cast<u32>(-socket.error())};
  send(reinterpret_cast<const char*>(&answer), sizeof answer, socket.ok() ? socket.get() : -1);
  return true;
}

[[noreturn]] void main(bool apart) {
  u64 all = ~0ull;
  host::call(__NR_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, nullptr, sizeof all);
  host::call(__NR_prctl, PR_SET_NAME, "barchan-network", 0, 0, 0);
  static char buffer[2 * sandbox::kPathMax];
  Text line(buffer, sizeof buffer);
  if (Failure f = enter(apart)) {
    sandbox::put_failure(line, f);
    send(line.data(), line.size());
    leave(1);
  }
  line.str("{\"event\":\"ready\"}\n");
  send(line.data(), line.size());
  while (take_request()) {}
  leave(0);
}

}  // namespace
}  // namespace barchan::network

// Called by host/start_x86_64.S, after relocation.
extern "C" [[noreturn]] void barchan_main(barchan::u64* stack) { barchan::network::main(stack[0] > 1); }
