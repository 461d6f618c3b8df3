// Makes queues and classes of packets, as the use after free in the classifier tcindex needs.
// @technique T1068
// @weakness CWE-416
// @cve CVE-2023-1829
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @control-done namespaces of its own
// @attempts 2
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/pkt_sched.h>
#include <sched.h>

#include "../attack.h"

int main(void) {
  ATTEMPT("namespaces of its own", unshare(CLONE_NEWUSER | CLONE_NEWNET));
  const int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct {
    struct nlmsghdr header;
    struct tcmsg message;
    char answer[512];
  } m = {{NLMSG_LENGTH(sizeof m.message), RTM_NEWQDISC, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, 0, 0}, {.tcm_ifindex = 1, .tcm_parent = TC_H_ROOT}};
  errno = s < 0 ? errno : 0;
  if (s >= 0 && send(s, &m, m.header.nlmsg_len, 0) > 0 && recv(s, &m, sizeof m, 0) > 0)
    errno = -((struct nlmsgerr*)NLMSG_DATA(&m.header))->error;
  // Without a kind EINVAL is the answer to who may.
  MUST_NOT("queue of packets", errno == 0 || errno == EINVAL || errno == ENOENT, error_name());
  return 0;
}
