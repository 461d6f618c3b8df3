// Purpose: two connected sockets in this process's network namespace.
// Owner:   network. Threads: one.
// Trust:   programs of the sandbox have ends of earlier pairs, and so can connect to and listen at ports there: what they do can
//          make a pair fail or be late, and never be one of another program's ends.
#ifndef BARCHAN_NETWORK_PAIR_H
#define BARCHAN_NETWORK_PAIR_H

#include "sandbox/tree.h"

namespace barchan::network {

// Both ends, or a positive errno. The first end, Node's, is non-blocking; both are close-on-exec.
struct Pair {
  i64 error = 0;
  sandbox::Fd ends[2];
};

Pair unix_pair();
// Over the loopback interface; of IPv4 where IPv6 is not to be had. Takes a few seconds at most.
Pair tcp_pair(bool ipv6);

}  // namespace barchan::network

#endif
