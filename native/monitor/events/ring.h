// Purpose: putting records into the shared memory of abi/events.h: pure logic, no system calls, also built hosted for tests.
// Owner:   monitor/events. Threads: any number, of any number of processes; nobody waits for another.
// Trust:   the memory is shared with monitors that may have been taken over: what is read from it is a hint or compared
//          with a value of our own, and every index is cut to the ring's size, which is kept in private memory.
#ifndef BARCHAN_MONITOR_EVENTS_RING_H
#define BARCHAN_MONITOR_EVENTS_RING_H

#include "abi/events.h"

namespace barchan::events {

struct Ring {
  abi::EventControl* control = nullptr;
  u32* states = nullptr;
  u8* slots = nullptr;
  u32 mask = 0;  // number of slots less one
};

// The parts of a ring of `slots` slots whose memory begins at `states` behind the control page.
Ring ring_at(abi::EventControl* control, u8* states, u32 slots);

// Publishes a record, whose sequence and checksum are filled in. False when no free slot is near.
bool ring_publish(const Ring& ring, abi::EventRecord* record);

}  // namespace barchan::events

#endif
