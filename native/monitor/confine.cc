#include "monitor/confine.h"

#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/signal.h>

#include "abi/start.h"
#include "host/lock.h"
#include "host/pass_descriptor.h"
#include "host/string.h"
#include "host/syscall.h"
#include "monitor/fds.h"
#include "monitor/host_filter.h"
#include "monitor/policy.h"
#include "monitor/report.h"
#include "monitor/table.h"

namespace barchan {

extern "C" i64 barchan_clone(i64 nr, const u64 args[5], void* argument, void (*entry)(void*));

namespace {

[[noreturn]] void refuse(i64 error, const char* what) {
  fail_start("ERR_MONITOR_CONFINE", error, what, nullptr, abi::kExitStartFailed);
}

// A task of this process that sends the listener on. The filter binds only who installs it, and must not allow sendmsg(2) for
// this one message: the task has none. It is gone before confine() returns.
class Messenger {
 public:
  // False where there may be no further task (limits on processes).
  bool start() {
    constexpr u64 kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                           CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    const u64 args[5] = {kFlags, host::word(stack_ + sizeof stack_), host::word(&alive_), host::word(&alive_),
                         0};
    return barchan_clone(__NR_clone, args, this, run) > 0;
  }

  // `listener`: the descriptor, which is closed here, or an error: there is none. Returns 0 or -errno.
  i64 finish(i64 listener) {
    listener_ = listener;
    __atomic_store_n(&known_, 1, __ATOMIC_RELEASE);
    host::futex_wake(&known_, 1);
    for (u32 seen; (seen = __atomic_load_n(&alive_, __ATOMIC_ACQUIRE)) != 0;)
      host::call(__NR_futex, &alive_, FUTEX_WAIT, seen, nullptr);
    return result_;
  }

 private:
  static void run(void* argument) {
    auto& self = *static_cast<Messenger*>(argument);
    while (__atomic_load_n(&self.known_, __ATOMIC_ACQUIRE) == 0) host::futex_wait(&self.known_, 0);
    if (self.listener_ >= 0) {
      self.result_ = host::send_descriptor(private_fd(kFdBreach), "", 1, static_cast<int>(self.listener_));
      host::call(__NR_close, self.listener_);
    }
    host::call(__NR_close, private_fd(kFdBreach));
    for (;;) host::call(__NR_exit, 0);
  }

  alignas(16) u8 stack_[4096];
  u32 known_;
  u32 alive_;  // set and cleared by the kernel
  i64 listener_;
  i64 result_;
};
Messenger messenger;

u32 build(sock_filter* code, const host_calls::CallSet& calls, u32 breach) {
  const u32 length = build_host_filter(code, calls, policy::active, breach);
  if (length == 0) refuse(E2BIG, "the host filter is too long");
  return length;
}

i64 install(sock_filter* code, u32 length, u32 filter_flags) {
  const sock_fprog program = {static_cast<unsigned short>(length), code};
  return host::call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, filter_flags, &program);
}

}  // namespace

void confine(host_calls::Use use, bool supervised) {
  if (!(policy::active.header.flags & abi::kPolicyHostFilter)) {
    if (supervised) host::call(__NR_close, private_fd(kFdBreach));
    return;
  }
  static sock_filter code[kHostFilterMax];
  const host_calls::CallSet calls = host_calls::reachable(policy::active, use);
  i64 r = host::call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (r < 0) refuse(-r, "PR_SET_NO_NEW_PRIVS");
  r = -EINVAL;
  if (supervised) {
    const u32 length = build(code, calls, SECCOMP_RET_USER_NOTIF);
    u64 all = ~u64{0}, mask;  // no handler on the messenger's stack
    host::call(__NR_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof mask);
    if (messenger.start()) {
      r = install(code, length, SECCOMP_FILTER_FLAG_NEW_LISTENER);
      const i64 sent = messenger.finish(r);
      if (sent < 0) refuse(-sent, "cannot hand the filter's listener over");
    } else {
      host::call(__NR_close, private_fd(kFdBreach));
    }
    host::call(__NR_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
  }
  if (r < 0) r = install(code, build(code, calls, SECCOMP_RET_KILL_PROCESS), 0);
  if (r < 0) refuse(-r, "the host kernel takes no seccomp filter (CONFIG_SECCOMP_FILTER)");
}

void show_policy() {
  const host_calls::CallSet calls = host_calls::reachable(policy::active, {});
  static char buffer[16 << 10];
  Text line(buffer, sizeof buffer);
  line.str("{\"hostCalls\":[");
  bool first = true;
  for (u32 nr = 0; nr < host_calls::CallSet::kEnd; nr++) {
    if (!calls.has(nr)) continue;
    if (!first) line.str(",");
    first = false;
    line.str("\"").str(table::call_name(nr)).str("\"");
  }
  line.str("]}\n");
  host::call(__NR_write, 1, line.data(), line.size());
  for (;;) host::call(__NR_exit_group, 0);
}

}  // namespace barchan
