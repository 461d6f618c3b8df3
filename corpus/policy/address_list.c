// Connects where the list of addresses does not lead: plainly, mapped, by other calls, by other sockets.
// @technique T1071
// @weakness CWE-923
// @stopped-by policy
// @options {"policy":{"profile":"compat","network":[{"address":"127.0.0.1","ports":1}]},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @control-done connect,connect by IPv6,sendto,sendmsg,sendmmsg,fast open
// @attempts 9
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "../attack.h"

int main(void) {
  int port = told_number("ATTACK_PORT");
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 m = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &m.sin6_addr);
  ATTEMPT("connect", connect(socket(AF_INET, SOCK_STREAM, 0), (void*)&a, sizeof a));
  ATTEMPT("connect by IPv6", connect(socket(AF_INET6, SOCK_STREAM, 0), (void*)&m, sizeof m));
  ATTEMPT("connect with a longer address", connect(socket(AF_INET, SOCK_STREAM, 0), (void*)&(struct { struct sockaddr_in a; char more[64]; }){a}, sizeof a + 64));
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  ATTEMPT("sendto", sendto(u, "x", 1, 0, (void*)&a, sizeof a));
  struct iovec v = {"x", 1};
  struct mmsghdr all = {.msg_hdr = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1}};
  ATTEMPT("sendmsg", sendmsg(u, &all.msg_hdr, 0));
  ATTEMPT("sendmmsg", sendmmsg(u, &all, 1, 0));
  ATTEMPT("fast open", sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN, (void*)&a, sizeof a));
  struct sockaddr_in any = a;
  any.sin_addr.s_addr = 0;
  ATTEMPT("the address 0", connect(socket(AF_INET, SOCK_STREAM, 0), (void*)&any, sizeof any));
  ATTEMPT("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
  ATTEMPT("packet socket", socket(AF_PACKET, SOCK_RAW, htons(3)));
  return 0;
}
