// Purpose: host system calls made for the guest, which a signal for the guest must be able to end
//          or prevent without a race.
// Owner:   host (assembly in interruptible_x86_64.S). Threads: any guest thread.
//
// The signal handler (monitor/signal/capture.cc) captures at most one asynchronous signal per thread
// and blocks all others until it is delivered. In the handler, with RIP anywhere from the entry of
// the routine up to and including its `syscall` instruction, either the call has not begun or the
// kernel asks for it to be restarted: the handler makes it return kRestart. After the instruction the
// call's own result stands (-EINTR if the kernel says so).
#ifndef BARCHAN_HOST_INTERRUPTIBLE_H
#define BARCHAN_HOST_INTERRUPTIBLE_H

#include "host/syscall.h"

namespace barchan::host {

// The call did not happen, or must be made again after the signal's handler (or at once when there is
// no handler to run). The same number as the kernel's own ERESTARTSYS; never shown to a guest.
constexpr i64 kRestart = -512;

// Returns the call's result, or kRestart. `pending` is the thread's captured-signal flag.
extern "C" i64 barchan_interruptible(i64 nr, const u64 args[6], const volatile u32* pending);

template <typename... Args> inline i64 interruptible(const volatile u32* pending, i64 nr, Args... args) {
  u64 a[6] = {word(args)...};
  return barchan_interruptible(nr, a, pending);
}

// For the handler: true when `rip` lies between entry and the `syscall` instruction inclusive; then
// `rip` is set to the exit that returns kRestart.
bool interrupt_before_call(u64& rip);

}  // namespace barchan::host

#endif
