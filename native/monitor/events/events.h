// Purpose: tells Node what the guest does, for who has asked (abi/events.h).
// Owner:   monitor. Threads: any, of any number of processes that share the ring. Trust: what is told is GUEST values,
//          copied; a record that Node does not get is counted.
//
// With nobody asking the call path has one comparison, of a word that Node or the tracer sets; all else is behind it.
#ifndef BARCHAN_MONITOR_EVENTS_EVENTS_H
#define BARCHAN_MONITOR_EVENTS_EVENTS_H

#include "abi/events.h"
#include "monitor/events/recorder.h"
#include "monitor/thread.h"

namespace barchan::events {

// The ring's first page is mapped over it; without a ring it is plain memory of this process.
struct alignas(kPageSize) ControlPage {
  abi::EventControl control;
};
extern ControlPage page;

inline u32 watch() { return __atomic_load_n(&page.control.watch, __ATOMIC_RELAXED); }
// Is anybody interested in calls? Asked before each.
inline bool watched() { return watch() != 0; }
inline bool wants(u32 watched_kind) { return (watch() & watched_kind) != 0; }

// Maps the ring if kFdEvents is open. Null or what is wrong. Pre: private descriptors are parked; single-threaded.
const char* start(u32 program);
// Maps over `at`, a page, what tells the guest whether its calls are watched (abi/events.h). Without a ring nobody can begin
// to watch, and the page stays. False: it cannot be mapped.
bool show_watch(u8* at);
// The number that Node gave this program.
u32 program_id();
// Lets every dispatch come by, for the tracer.
void watch_for_trace();

// A call being made, while watched(). Construct before, ended() after.
class Calling {
 public:
  Calling(Thread& t, const Call& call);
  i64 ended(Thread& t, i64 result);

 private:
  friend void call_ends_process();
  const Call call_;  // as the guest made it, not as the checks changed it
  const i32 tid_;
  bool recorded_;  // the arguments are
  Recorder recorder_;
};

// What the policy says to the call being made; the strictest word counts.
void judged(abi::EventVerdict verdict);
// The call being made ends the process (exit_group, or the policy kills): tell of it now.
void call_ends_process();
// A call that the guest's own seccomp filter did not let through.
void filtered(const Call& call, bool has_result, i64 result);

// A fault is injected into the call being made (abi::kEventInjection).
void injected(u32 number, const u64 (&argument)[6]);

// The rest: each does nothing unless somebody has asked for it.
void executed(const char* path, const char* const* arguments, u32 call_number);
void exited(int status, int signo);
void faulted(const Thread& t, const SignalInfo& info);
void signalled(const SignalInfo& info);

}  // namespace barchan::events

#endif
