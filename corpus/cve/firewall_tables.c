// Talks to the tables of the firewall, as the use after free in nft_verdict_init needs: their netlink socket, with privileges of its own namespace.
// @technique T1068
// @weakness CWE-416
// @cve CVE-2024-1086
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @control-done namespaces of its own
// @attempts 3
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>

#include "../attack.h"

int main(void) {
  // First without, then with the network of its own in which it would have the privileges.
  ATTEMPT("namespaces of its own", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  const int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  RESULT("socket of the firewall", s);
  struct {
    struct nlmsghdr header;
    struct nfgenmsg message;
  } begin = {{sizeof begin, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, 0}, {AF_UNSPEC, NFNETLINK_V0, NFNL_SUBSYS_NFTABLES}};
  RESULT("a batch for nf_tables", s < 0 ? -1 : send(s, &begin, sizeof begin, 0));
  return 0;
}
