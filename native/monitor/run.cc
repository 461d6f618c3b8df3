// The loop of a guest thread: run, see why it stopped, answer.
#include <asm/unistd.h>

#include "abi/counters.h"
#include "monitor/answers/answers.h"
#include "monitor/debug/debug.h"
#include "monitor/dispatch.h"
#include "monitor/entry.h"
#include "monitor/exception.h"
#include "monitor/ring/ring.h"
#include "monitor/seccomp.h"
#include "monitor/signal/signal.h"
#include "monitor/thread.h"

namespace barchan {

i64 system_call(Thread& t) {
  const UserRegisters& u = t.user;
  // Linux reads 32 bits of the number (arch/x86/entry: `movslq %eax`); nothing behind here sees the others.
  const Call call = {static_cast<u32>(u.rax), {u.rdi, u.rsi, u.rdx, u.r10, u.r8, u.r9}};
  if (t.seccomp_mode != 0 && !seccomp_allows(t, call)) return seccomp_restarts(t, call);
  t.counters->syscalls++;
  const i64 result = dispatch(t, call);
  t.user.rax = static_cast<u64>(result);
  const u32 nr = static_cast<u32>(call.nr);
  if (!answers::note(t, nr)) ring::note(t, nr);
  return call.nr == __NR_rt_sigreturn ? -1 : static_cast<i64>(call.nr);
}

void run(Thread& t) {
  if (debug::active && !t.vforked) debug::run(t);
  i64 call = -1;
  for (;;) {
    while (signals_waiting(t) || (call >= 0 && t.user.rax == static_cast<u64>(host::kRestart))) {
      signals_deliver(t, call);
      call = -1;
    }
    call = -1;
    Exception exception;
    const Event event = entry_run(t, exception);
    if (event == Event::kSystemCall)
      call = system_call(t);
    else
      handle_fault(t, event, exception);
  }
}

}  // namespace barchan
