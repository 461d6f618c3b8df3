#include "network/routes.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/socket.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/tree.h"

namespace barchan::network {
namespace {

using sandbox::check;
using sandbox::Failure;
using sandbox::Fd;

constexpr int kInet = 2, kInet6 = 10, kNetlink = 16, kRaw = 3, kCloseOnExec = 02000000;
constexpr u32 kLoopback = 1;  // the index of `lo` in every namespace
constexpr u8 kOwn4[4] = {198, 18, 0, 1};
constexpr u8 kOwn6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// One request of rtnetlink(7).
class Message {
 public:
  Message(u16 type, const void* body, size_t size) {
    head().nlmsg_type = type;
    head().nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
    head().nlmsg_seq = 1;
    memcpy(bytes_ + NLMSG_HDRLEN, body, size);
    head().nlmsg_len = static_cast<u32>(NLMSG_HDRLEN + NLMSG_ALIGN(size));
  }
  Message& add(u16 type, const void* value, size_t size) {
    const rtattr attribute = {static_cast<u16>(RTA_LENGTH(size)), type};
    char* at = bytes_ + head().nlmsg_len;
    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + RTA_LENGTH(0), value, size);
    head().nlmsg_len += static_cast<u32>(RTA_SPACE(size));
    return *this;
  }
  // Sends it; the kernel's answer: 0 or a negative errno.
  i64 make(int socket) {
    i64 r = host::call(__NR_sendto, socket, bytes_, static_cast<u64>(head().nlmsg_len), 0, nullptr, 0);
    if (r < 0) return r;
    struct {
      nlmsghdr head;
      int error;
      char rest[256];
    } answer = {};
    do r = host::call(__NR_recvfrom, socket, &answer, sizeof answer, 0, nullptr, nullptr);
    while (r == -EINTR);
    if (r < 0) return r;
    if (r < NLMSG_HDRLEN + 4 || answer.head.nlmsg_type != NLMSG_ERROR) return -EPROTO;
    return answer.error;
  }

 private:
  nlmsghdr& head() { return *reinterpret_cast<nlmsghdr*>(bytes_); }
  alignas(nlmsghdr) char bytes_[256] = {};
};

i64 own(int socket, int family, const u8* address, size_t size) {
  ifaddrmsg interface = {};
  interface.ifa_family = static_cast<u8>(family);
  interface.ifa_prefixlen = static_cast<u8>(size * 8);
  interface.ifa_flags = family == kInet6 ? IFA_F_NODAD : 0;
  interface.ifa_index = kLoopback;
  i64 r = Message(RTM_NEWADDR, &interface, sizeof interface)
              .add(IFA_LOCAL, address, size)
              .add(IFA_ADDRESS, address, size)
              .make(socket);
  if (r < 0) return r;
  rtmsg route = {};
  route.rtm_family = static_cast<u8>(family);
  route.rtm_table = RT_TABLE_LOCAL;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = family == kInet ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_LOCAL;
  return Message(RTM_NEWROUTE, &route, sizeof route)
      .add(RTA_OIF, &kLoopback, sizeof kLoopback)
      .add(RTA_PREFSRC, address, size)
      .make(socket);
}

}  // namespace

Failure own_all_addresses() {
  const Fd socket(host::call(__NR_socket, kNetlink, kRaw | kCloseOnExec, NETLINK_ROUTE));
  if (!socket.ok()) return check(socket.error(), "routes");
  if (Failure f = check(own(socket.get(), kInet, kOwn4, sizeof kOwn4), "routes", "198.18.0.1")) return f;
  const Fd ipv6(host::call(__NR_socket, kInet6, 2 /* SOCK_DGRAM */ | kCloseOnExec, 0));
  if (!ipv6.ok()) return {};
  const i64 r = own(socket.get(), kInet6, kOwn6, sizeof kOwn6);
  // The module is there, and turned off for interfaces (net.ipv6.conf.all.disable_ipv6).
  if (r == -EACCES || r == -EPERM || r == -EAFNOSUPPORT || r == -EOPNOTSUPP) return {};
  return check(r, "routes", "2001:db8::1");
}

}  // namespace barchan::network
