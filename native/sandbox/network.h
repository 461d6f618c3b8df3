// Purpose: the loopback interface of a network namespace.
// Owner:   sandbox. Threads: one.
#ifndef BARCHAN_SANDBOX_NETWORK_H
#define BARCHAN_SANDBOX_NETWORK_H

#include "sandbox/failure.h"

namespace barchan::sandbox {

// Brings `lo` up, which gives it 127.0.0.1 and ::1.
Failure start_loopback();

}  // namespace barchan::sandbox

#endif
