// Purpose: makes every address of a network namespace without devices the namespace's own.
// Owner:   network. Threads: one. Trust: no input.
#ifndef BARCHAN_NETWORK_ROUTES_H
#define BARCHAN_NETWORK_ROUTES_H

#include "sandbox/failure.h"

namespace barchan::network {

// Pre: `lo` is up. Gives it 198.18.0.1 and 2001:db8::1, and routes all addresses to it as local ones, with these for senders:
// what is sent anywhere arrives in this namespace and nowhere else. Idempotent. A kernel without IPv6 does without.
sandbox::Failure own_all_addresses();

}  // namespace barchan::network

#endif
