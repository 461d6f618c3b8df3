// Purpose: between breakpoints.cc and traps.cc.
// Owner:   monitor/mm. Threads: under Space::lock.
#ifndef BARCHAN_MONITOR_MM_TRAPS_H
#define BARCHAN_MONITOR_MM_TRAPS_H

namespace barchan::mm {

void traps_suspend(bool suspend);
void traps_forget();

}  // namespace barchan::mm

#endif
