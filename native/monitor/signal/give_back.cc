// A SIGSEGV or SIGBUS that somebody sent to the process, and the kernel gave to a thread of the monitor's own, goes back
// into the process's queue for a thread of the guest.
//
// rt_sigqueueinfo(2) takes the codes of kill(2), tgkill(2) and the kernel from the first thread alone. So the signal goes
// with a code of ours, and the handler puts its own back. What lies in the last two words is given up for that: only the
// times of a child whose exit signal is SIGSEGV or SIGBUS do.
#include "monitor/signal/internal.h"

namespace barchan {

using namespace signal;

namespace {

constexpr i32 kGivenBack = -0x42434b21;  // no code of the kernel's
u64 secret;                              // tells it from what the guest sends itself

}  // namespace

void signals_give_back(Thread& from) {
  const u64 held = __atomic_exchange_n(&from.held_faults, 0, __ATOMIC_RELAXED);
  const i64 process = host::call(__NR_getpid);
  for (const int signo : kFaultNumbers) {
    if (!(held & bit(signo))) continue;
    SignalInfo info = from.held_info[signo == SIGBUS];
    info.fields[3] = static_cast<u32>(info.code);
    info.fields[2] = secret;
    info.code = kGivenBack;
    // RLIMIT_SIGPENDING is used up: as in Linux, the signal stays and its siginfo goes.
    if (host::call(__NR_rt_sigqueueinfo, process, signo, &info) != 0)
      host::call(__NR_tgkill, process, process, signo);
  }
}

namespace signal {

void choose_secret() { host::call(__NR_getrandom, &secret, sizeof secret, 0); }

void restore_given_back(SignalInfo& info) {
  if (info.code != kGivenBack || info.fields[2] != secret) return;
  info.code = static_cast<i32>(info.fields[3]);
  info.fields[2] = info.fields[3] = 0;
}

}  // namespace signal
}  // namespace barchan
