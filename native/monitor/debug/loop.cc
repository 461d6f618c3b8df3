// The loop of a debugged thread: as monitor/run.cc, with a border that it may be held at.
#include <asm/unistd.h>

#include "host/uaccess.h"
#include "monitor/debug/world.h"
#include "monitor/entry.h"
#include "monitor/exception.h"
#include "monitor/fds.h"
#include "monitor/mm/debug.h"
#include "monitor/mm/mm.h"
#include "monitor/signal/signal.h"

namespace barchan::debug {

bool active;

namespace {

constexpr u64 kTrapFlag = 0x100;
constexpr u64 kDebugVector = 1, kBreakpointVector = 3;
constexpr u64 kSyscallSize = 2;
constexpr Occasion kStepped = {.event = abi::kDebugStepped, .recurs = true};

bool steps(const Thread& t) {
  return active && (t.debug.go == abi::kDebugStep || t.debug.go == abi::kDebugStepOver);
}

void begin_step(Thread& t) {
  State& d = t.debug;
  d.adds_trap_flag = steps(t) && !(t.user.rflags & kTrapFlag);
  if (!d.adds_trap_flag) return;
  constexpr u8 kPushf = 0x9c;
  u8 opcode = 0;
  d.pushes_flags = read_guest(opcode, t.user.rip) == 0 && opcode == kPushf;
  t.user.rflags |= kTrapFlag;
  t.user_changed = true;
}

// The flag was ours, and nobody else sees it.
void end_step(Thread& t, Event event, const Exception& e) {
  State& d = t.debug;
  if (!d.adds_trap_flag) return;
  d.adds_trap_flag = false;
  t.user.rflags &= ~kTrapFlag;
  t.user_changed = true;
  if (event == Event::kSystemCall) t.user.r11 &= ~kTrapFlag;
  u64 pushed;
  if (d.pushes_flags && event == Event::kException && e.vector == kDebugVector &&
      read_guest(pushed, t.user.rsp) == 0)
    write_guest(t.user.rsp, pushed & ~kTrapFlag);
}

i64 make_call(Thread& t) {
  if (!active) return system_call(t);
  if (t.debug.go == abi::kDebugStepOver) report(t, kStepped);
  State& d = t.debug;
  const u32 nr = static_cast<u32>(t.user.rax);
  d.call = nr + 1;
  d.finished = false;
  if (stops_before(nr)) report(t, {abi::kDebugCallEntry, nr});
  // Node may have changed all of it.
  const u32 made = static_cast<u32>(t.user.rax);
  d.call = made + 1;
  i64 call = -1;
  if (active && d.finished) {
    t.user.rax = static_cast<u64>(d.result);
    d.finished = false;
  } else {
    call = system_call(t);
  }
  const bool again = t.user.rax == static_cast<u64>(host::kRestart);
  if (active && !again && stops_behind(made)) report(t, {abi::kDebugCallReturn, made, t.user.rax});
  d.call = 0;
  if (!again && active && d.go == abi::kDebugStep) report(t, kStepped);
  return call;
}

// Of an exception: it is the end of a step or a breakpoint, and nothing of the program's.
bool takes(Thread& t, const Exception& e) {
  if (!active) return false;
  if (e.vector == kDebugVector && steps(t)) {
    report(t, kStepped);
    return true;
  }
  if (e.vector == kBreakpointVector && mm::breakpoint_at(t.user.rip - 1)) {
    t.user.rip -= 1;
    t.user_changed = true;
    report(t, {.event = abi::kDebugBreakpoint, .a = t.user.rip, .recurs = true});
    return true;
  }
  return false;
}

// A step into a signal's handler ends before its first instruction.
i64 deliver(Thread& t, i64 call) {
  const u64 before = t.user.rip;
  signals_deliver(t, call);
  if (steps(t) && t.user.rip != before && t.user.rip != before - kSyscallSize) report(t, kStepped);
  return -1;
}

}  // namespace

void run(Thread& t) {
  i64 call = -1;
  for (;;) {
    while (signals_waiting(t) || (call >= 0 && t.user.rax == static_cast<u64>(host::kRestart)))
      call = deliver(t, call);
    call = -1;
    const bool bordered = active;
    if (bordered) {
      park(t);
      if (signals_waiting(t)) continue;
      if (!enter(t)) continue;
      begin_step(t);
    }
    Exception e = {};
    const Event event = entry_run(t, e);
    if (bordered) {
      leave(t);
      end_step(t, event, e);
    }
    if (event == Event::kSystemCall)
      call = make_call(t);
    else if (event != Event::kException || !takes(t, e))
      handle_fault(t, event, e);
  }
}

bool allows_signal(Thread& t, const SignalInfo& info) {
  if (!active || t.vforked) return true;
  const Occasion fault = {abi::kDebugFault, static_cast<u64>(info.signo),
                          static_cast<u64>(static_cast<i64>(info.code)), info.fields[0]};
  report(t, fault);
  return !active || t.debug.signal == static_cast<u32>(info.signo);
}

void trapped(Thread& t, u64 address, u64 error) {
  constexpr u64 kErrorWrite = 1 << 1, kErrorFetch = 1 << 4;
  const u64 kind = error & kErrorFetch   ? abi::kDebugExecutes
                   : error & kErrorWrite ? abi::kDebugWrites
                                         : abi::kDebugReads;
  if (active && !t.vforked) report(t, {.event = abi::kDebugTrapped, .a = address, .b = kind, .recurs = true});
}

void fork_child() {
  if (!active) return;
  active = false;
  reset_after_fork();
  mm::debug_forget();
  host::call(__NR_close, private_fd(kFdDebug));
}

void share_memory() {
  if (active) mm::debug_suspend();
}

void unshare_memory() {
  if (active) mm::debug_continue();
}

}  // namespace barchan::debug
