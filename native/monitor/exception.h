// Purpose: what becomes of a processor exception in guest code: a filled page or a signal.
// Owner:   monitor. Threads: the faulting one.
#ifndef BARCHAN_MONITOR_EXCEPTION_H
#define BARCHAN_MONITOR_EXCEPTION_H

#include "abi/counters.h"
#include "monitor/entry.h"

namespace barchan {

void handle_exception(Thread& t, const Exception& e);
// KVM_RUN could not get a host page (Event::kNoMemory).
void handle_missing_page(Thread& t);

// What entry_run() gave and is no system call.
inline void handle_fault(Thread& t, Event event, const Exception& e) {
  if (event != Event::kException && event != Event::kNoMemory) return;
  t.counters->faults++;
  if (event == Event::kException)
    handle_exception(t, e);
  else
    handle_missing_page(t);
}

}  // namespace barchan

#endif
