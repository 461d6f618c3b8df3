// The first step of most escapes of the last years: a user namespace, in it the interfaces that need its privileges.
// @technique T1068
// @weakness CWE-250
// @cve CVE-2024-1086
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done nf_tables socket
// @attempts 6
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>

#include "../attack.h"

int main(void) {
  int native = getenv("ATTACK_NATIVE") != NULL;
  // Is the interface there at all? Nothing is asked of it.
  ATTEMPT("user and network namespace", native ? -1 : unshare(CLONE_NEWUSER | CLONE_NEWNET));
  ATTEMPT("nf_tables socket", socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
  ATTEMPT("xfrm socket", socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM));
  ATTEMPT("iptables table", setsockopt(socket(AF_INET, SOCK_RAW, IPPROTO_RAW), 0, 64, "", 1));
  ATTEMPT("filter through a socket", setsockopt(socket(AF_INET, SOCK_STREAM, 0), 0, 64, "", 1));
  ATTEMPT("fsopen", native ? -1 : syscall(SYS_fsopen, "ext4", 0));
  return 0;
}
