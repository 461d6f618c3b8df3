// Purpose: each thread's place among the program's counters (abi/counters.h).
// Owner:   monitor. Threads: any.
//
// t.counters always points to a slot, of the monitor's own where nobody asked for counters, so that counting is an
// addition and nothing else.
#ifndef BARCHAN_MONITOR_COUNTERS_H
#define BARCHAN_MONITOR_COUNTERS_H

#include "abi/counters.h"

namespace barchan {

struct Thread;

namespace counters {

// Maps what Node has passed, if anything. Pre: fds_start() or fds_resume().
void start();

// A slot for a thread that has none.
void claim(Thread& t);
// Gives the thread's back; it counts into nothing from then on.
void release(Thread& t);

// Over an exec a thread keeps its slot: its number, and the new monitor's way back to it.
u32 slot_of(const Thread& t);
void adopt(Thread& t, u32 slot);

}  // namespace counters
}  // namespace barchan

#endif
