// Default actions: the host kernel takes them, on the host process that is the guest process.
#include "host/string.h"
#include "monitor/events/events.h"
#include "monitor/policy.h"
#include "monitor/report.h"
#include "monitor/start.h"
#include "monitor/signal/internal.h"

namespace barchan {

using namespace signal;

namespace {

void send_to_self(int signo) {
  host::call(__NR_tgkill, host::call(__NR_getpid), host::call(__NR_gettid), signo);
}

// A fault of the processor's kills even the init process of a pid namespace, which a signal from within cannot.
void fault_as(int signo) {
  switch (signo) {
    case SIGSEGV: asm volatile("movb $0, 0" ::: "memory"); break;
    case SIGILL: asm volatile("ud2"); break;
    case SIGTRAP: asm volatile("int3"); break;
    case SIGFPE: asm volatile("divl %0" : : "r"(0), "a"(0), "d"(0) : "cc"); break;
    default: break;
  }
}

}  // namespace

namespace signal {

void requeue(const SignalInfo& info) {
  const i64 process = host::call(__NR_getpid);
  const i64 thread = host::call(__NR_gettid);
  if (host::call(__NR_rt_tgsigqueueinfo, process, thread, info.signo, &info) == 0) return;
  // RLIMIT_SIGPENDING is used up: as in Linux, the signal stays and its siginfo goes.
  host::call(__NR_tgkill, process, thread, info.signo);
}

}  // namespace signal

void die_by_signal(int signo) {
  events::exited(0, signo);
  if (signo == SIGSYS && policy::is_active() && is_first_process()) report_death(signo);
  thread_release_counters(current());
  // Held to the end, so that no other thread brings its handler back; not where processes go on in this memory.
  SignalTable* table = current().signals;
  if (table && !thread_shares_memory()) table->lock.lock();
  constexpr GuestAction kAction = {kDefault, 0, 0, 0};
  host::call(__NR_rt_sigaction, signo, &kAction, nullptr, kMaskSize);
  const u64 others = ~bit(signo);
  host::call(__NR_rt_sigprocmask, SIG_SETMASK, &others, nullptr, kMaskSize);
  send_to_self(signo);
  fault_as(signo);
  for (;;) host::call(__NR_exit_group, 128 + signo);
}

}  // namespace barchan
