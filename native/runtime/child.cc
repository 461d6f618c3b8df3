#include "runtime/child.h"

#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include "host/syscall.h"
#include "runtime/fail.h"

namespace barchan::runtime {
namespace {

constexpr i32 kFromKernel = 0x80;  // SI_KERNEL: by the terminal, to the whole process group

struct SignalInfo {
  i32 signo, error, code;
  u8 rest[116];
};
static_assert(sizeof(SignalInfo) == 128);

u64 set_mask(u64 mask) {
  u64 old = 0;
  host::call(__NR_rt_sigprocmask, SIG_SETMASK, &mask, &old, sizeof old);
  return old;
}

void raise(i32 signo) { host::call(__NR_kill, host::call(__NR_getpid), signo); }

// True when the child has ended.
bool look_at(i64 pid, i32& status) {
  const i64 r = host::call(__NR_wait4, pid, &status, WNOHANG | WUNTRACED, nullptr);
  if (r != pid) return r == -ECHILD;
  if ((status & 0xff) != 0x7f) return true;
  // Stopped: so are we, and when somebody has us go on, it does.
  raise(SIGSTOP);
  host::call(__NR_kill, pid, SIGCONT);
  return false;
}

}  // namespace

i32 run_child(const char* path, const char* const* arguments, const char* const* environment,
              void (*prepare)(void*), void* context) {
  const u64 old = set_mask(~u64{0});
  const i64 parent = host::call(__NR_getpid);
  const i64 pid = host::call(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid < 0) fail_errno(pid, "cannot fork");
  if (pid == 0) {
    host::call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (host::call(__NR_getppid) != parent) raise(SIGKILL);
    prepare(context);
    set_mask(old);
    become(path, arguments, environment);
  }
  i32 status = 0;
  for (;;) {
    if (look_at(pid, status)) break;
    const u64 all = ~u64{0};
    SignalInfo info = {};
    const i64 signo = host::call(__NR_rt_sigtimedwait, &all, &info, nullptr, sizeof all);
    if (signo <= 0 || signo == SIGCHLD || signo == SIGCONT || info.code == kFromKernel) continue;
    host::call(__NR_kill, pid, signo);
  }
  set_mask(old);
  return status;
}

void end_like(i32 status) {
  const i32 signo = status & 0x7f;
  if (signo != 0) {
    const u64 action[4] = {};
    host::call(__NR_rt_sigaction, signo, action, nullptr, sizeof(u64));
    set_mask(0);
    raise(signo);
  }
  for (;;) host::call(__NR_exit_group, signo != 0 ? 128 + signo : status >> 8 & 0xff);
}

void become(const char* path, const char* const* arguments, const char* const* environment) {
  const i64 r = host::call(__NR_execve, path, arguments, environment);
  fail_errno(r, "cannot execute ", path);
}

}  // namespace barchan::runtime
