// Purpose: what becomes of a processor exception in guest code: a filled page or a signal.
// Owner:   monitor. Threads: the faulting one.
#ifndef BARCHAN_MONITOR_EXCEPTION_H
#define BARCHAN_MONITOR_EXCEPTION_H

#include "monitor/entry.h"

namespace barchan {

void handle_exception(Thread& t, const Exception& e);
// KVM_RUN could not get a host page (Event::kNoMemory).
void handle_missing_page(Thread& t);

}  // namespace barchan

#endif
