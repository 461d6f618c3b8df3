// Purpose: what monitors tell Node while they run: the shared memory of one sandbox's events.
// Owner:   abi; made by addon/event_ring.cc, written by every monitor of the sandbox (monitor/events/), read by Node
//          (addon/event_reader.cc, lib/event-record.ts).
// Trust:   no guest can address it, but a monitor that was taken over can write anything to it: Node copies a record once
//          and checks it in full, and a monitor uses no value of it without a bound.
//
// One page of EventControl, `slots` words of state, padded to a page, then `slots` slots of kEventSlotSize bytes, and a page of
// EventView.
// A slot's word is 0 (free), kEventClaimed | ticket (a monitor copies a record there) or kEventReady | ticket. Tickets come
// from EventControl::cursor; the slot of a ticket is the ticket modulo `slots`.
//
// A monitor builds its record in private memory, claims a free slot by compare-and-exchange, copies, and publishes by
// compare-and-exchange from its own claim. It waits for nobody: a slot that is taken is passed over. One that is killed in
// between leaves a claim, which Node frees after a while; should its owner only have slept, its exchange then fails, and what it
// wrote too late breaks the checksum of whatever the slot holds by then. The memory's size is sealed.
#ifndef BARCHAN_ABI_EVENTS_H
#define BARCHAN_ABI_EVENTS_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kEventMagic = 0x56454342;  // "BCEV"
constexpr u32 kEventVersion = 2;
constexpr u32 kEventControlSize = 4096;
constexpr u32 kEventSlotSize = 1024;
constexpr u32 kEventSlotsLeast = 16, kEventSlotsMost = 65536;  // a power of two

constexpr u32 kEventClaimed = 1u << 30, kEventReady = 1u << 31, kEventTicket = kEventClaimed - 1;

// Bits of EventControl::watch.
constexpr u32 kWatchCall = 1u << 0;       // calls of EventControl::calls
constexpr u32 kWatchViolation = 1u << 1;  // calls that the policy refuses
constexpr u32 kWatchLog = 1u << 2;        // calls that the policy logs
constexpr u32 kWatchExec = 1u << 3;
constexpr u32 kWatchFork = 1u << 4;
constexpr u32 kWatchExit = 1u << 5;
constexpr u32 kWatchFault = 1u << 6;
constexpr u32 kWatchSignal = 1u << 7;
constexpr u32 kWatchLimit = 1u << 8;
constexpr u32 kWatchInjection = 1u << 9;
constexpr u32 kWatchTrace = 1u << 31;  // set by a monitor that writes text (monitor/trace.h)

struct alignas(64) EventControl {
  u32 watch;  // what Node wants to be told; 0: no call is looked at
  u32 magic, version, slots;
  u32 block;     // not 0: monitors wait for a free slot rather than drop a record
  u32 programs;  // Node's counter: how many programs it has started
  u64 calls[8];  // bit N: call N is wanted; the last bit stands for all numbers from 511 on
  alignas(64) u32 cursor;
  u32 room;       // a futex: changes when slots become free
  u32 waiting;    // somebody waits for `room`
  u32 sleeping;   // Node wants a write to the eventfd
  u32 beat;       // changes as long as Node reads
  u32 abandoned;  // a monitor has waited for long without a beat: drop from now on, until Node reads again
  u64 sequence;   // of the last record
  u64 dropped;    // records for which there was no room
  u64 lost;       // records whose claim was taken away
};
static_assert(sizeof(EventControl) == 192);

// The only page that a guest may see, and may only read: Node writes it for vCPUs that answer calls by themselves.
struct EventView {
  u32 calls;  // not 0: EventControl::watch has kWatchCall, so every call is to leave the guest
};

enum EventKind : u8 {
  kEventCall = 1,    // number, argument, result, verdict; pieces: arguments 0..5
  kEventExec = 2,    // pieces: 0 the program's file, 1 its arguments
  kEventFork = 3,    // number; argument: 0 the child, 1 not 0: a thread
  kEventExit = 4,    // argument: 0 status, 1 signal or 0
  kEventFault = 5,   // argument: 0 signal, 1 its code, 2 address, 3 instruction, 4 vector, 5 error code
  kEventSignal = 6,  // argument: 0 signal, 1 its code, 2 sender's process, 3 sender's user
  kEventLimit = 7,   // number, result: the call that met it; argument: 0 EventLimit
  kEventInjection =
      8,  // number; argument: 0 the rule, 1 abi::ChaosAction, 2 which of the thread's calls that the rule counts,
          // 3 the errno, nanoseconds or count asked for, 4 the count it was made for, 5 chaos::Lineage::task
};

enum EventVerdict : u8 {
  kVerdictAllowed = 0,
  kVerdictLogged = 1,
  kVerdictRefused = 2,   // by the gate, under every policy (docs/syscalls.md)
  kVerdictFiltered = 3,  // by a seccomp filter of the guest's own
  kVerdictDenied = 4,    // by the policy
  kVerdictKilled = 5,    // the policy ends the process
};

enum EventLimit : u8 { kLimitFiles = 1, kLimitProcesses = 2, kLimitMemory = 3, kLimitFileSize = 4 };

// Bits of EventRecord::flags.
constexpr u8 kEventNoResult = 1 << 0;     // the call did not return, or not to where it was made
constexpr u8 kEventInterrupted = 1 << 1;  // by a signal; it may be made again
constexpr u8 kEventFirst = 1 << 2;        // of the program's first process
constexpr u8 kEventGivesAddress = 1 << 3;

struct EventRecord {
  u32 size;  // of the whole, pieces included: a multiple of 8, at most kEventSlotSize
  u8 kind, verdict, flags;
  u8 pieces;
  u64 checksum;  // event_checksum() of all that follows
  u64 sequence;
  u64 time;      // the processor's time-stamp counter
  i32 pid, tid;  // as the guest sees them
  u32 program;   // StartBlob::program_id
  u32 number;    // of the call
  u64 argument[6];
  i64 result;
};
static_assert(sizeof(EventRecord) == 104);
constexpr u32 kEventChecked = 16;  // offset of what the checksum covers

enum EventPieceType : u8 {
  kPieceText = 1,     // as monitor/trace.h writes it: ASCII
  kPieceString = 2,   // bytes of a string, as they are
  kPieceStrings = 3,  // several, each ended by NUL
  kPieceAddress = 4,  // struct sockaddr, as it is
};

// Follows the record, each at a multiple of 4.
struct EventPiece {
  u8 index;  // of the argument
  u8 type;
  u8 truncated;
  u8 reserved;
  u16 length;  // of the bytes that follow
  u16 reserved2;
};
static_assert(sizeof(EventPiece) == 8);

// Of `size` bytes, a multiple of 8. Not against forgery: it tells a record that two have written to.
inline u64 event_checksum(const u8* bytes, u32 size) {
  u64 sum = 0x9e3779b97f4a7c15;
  for (u32 at = 0; at < size; at += 8) {
    u64 word;
    __builtin_memcpy(&word, bytes + at, 8);
    sum = (sum ^ word) * 0xff51afd7ed558ccd;
    sum ^= sum >> 32;
  }
  return sum;
}

// Where things lie.
constexpr u64 event_slots_offset(u32 slots) {
  return kEventControlSize + ((u64{slots} * 4 + 4095) & ~u64{4095});
}
constexpr u64 event_view_offset(u32 slots) { return event_slots_offset(slots) + u64{slots} * kEventSlotSize; }
constexpr u64 event_ring_size(u32 slots) { return event_view_offset(slots) + 4096; }

}  // namespace barchan::abi

#endif
