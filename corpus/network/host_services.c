// Reaches services of the host's own network: its loopback, abstract sockets, network configuration.
// @technique T1046
// @weakness CWE-923
// @stopped-by namespace
// @options {"policy":"compat"}
// @control {"policy":"compat","network":"host"}
// @control-done loopback
// @attempts 5
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <net/if.h>

#include "../attack.h"

int main(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(told_number("ATTACK_PORT")), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  ATTEMPT("loopback", connect(socket(AF_INET, SOCK_STREAM, 0), (void*)&a, sizeof a));
  a.sin_addr.s_addr = htonl(0x08080808);
  ATTEMPT("the world", getenv("ATTACK_CONTROL") ? -1 : connect(socket(AF_INET, SOCK_DGRAM, 0), (void*)&a, sizeof a));
  ATTEMPT("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  ATTEMPT("packet socket", socket(AF_PACKET, SOCK_RAW, htons(3)));
  struct ifreq request = {.ifr_name = "lo"};
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  request.ifr_flags = 0;
  ATTEMPT("take an interface down", s < 0 ? -1 : getenv("ATTACK_CONTROL") ? -1 : ioctl(s, SIOCSIFFLAGS, &request));
  return 0;
}
