// dieBySignal and exitNow: end the command-line process the way its guest ended, so that the shell that
// waits for it sees the same status as for the program itself. Node's own exit would first put the
// terminal's settings back to what they were at its start, undoing what the guest did (stty, reset).
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "addon/addon.h"

namespace barchan::addon {

Napi::Value die_by_signal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "dieBySignal(signal: number)");
  const int number = info[0].As<Napi::Number>().Int32Value();
  if (number < 1 || number > 64) return fail_argument(env, "dieBySignal: signals are 1..64");

  // The guest has left its own core file, if any; Node's would be large and of no use.
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // Raw calls: the C library keeps signals 32 and 33 for itself and refuses them.
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  } action = {SIG_DFL, 0, nullptr, 0};
  syscall(SYS_rt_sigaction, number, &action, nullptr, sizeof(action.mask));
  const unsigned long mask = 1ul << (number - 1);
  syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, nullptr, sizeof(mask));
  syscall(SYS_tgkill, getpid(), static_cast<pid_t>(syscall(SYS_gettid)), number);
  return env.Undefined();
}

Napi::Value exit_now(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) return fail_argument(env, "exitNow(status: number)");
  _exit(info[0].As<Napi::Number>().Int32Value());
}

}  // namespace barchan::addon
