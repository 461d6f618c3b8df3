#include "supervisor/join.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/cgroup.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/privileges.h"
#include "sandbox/proc.h"
#include "sandbox/read_config.h"
#include "sandbox/tree.h"
#include "supervisor/init.h"

namespace barchan::supervisor {
namespace {

using sandbox::check;
using sandbox::Config;
using sandbox::Failure;

// What the processes of a start tell the supervisor. They are all copies of it, so that a Failure's pointers
// to static memory mean the same in each.
struct Message {
  i32 init;
  i32 child;
  Failure failure;
};

struct Pipe {
  int read = -1, write = -1;
  i64 open() {
    int ends[2];
    const i64 r = host::call(__NR_pipe2, ends, O_CLOEXEC);
    if (r == 0) read = ends[0], write = ends[1];
    return r;
  }
  void close_read() { host::call(__NR_close, read); }
  void close_write() { host::call(__NR_close, write); }
};

constexpr int kImage = 5;  // abi/start.h

Config config;

[[noreturn]] void leave() {
  for (;;) host::call(__NR_exit_group, 1);
}

// Whoever is stopped from outside cannot see that the supervisor is gone. Each change of user undoes it.
void end_with_supervisor() { host::call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

// A pipe takes a message whole (PIPE_BUF).
void tell(const Pipe& pipe, const Message& message) {
  i64 r;
  do r = host::call(__NR_write, pipe.write, &message, sizeof message);
  while (r == -EINTR);
}

// False at the end.
bool hear(const Pipe& pipe, Message& message) {
  i64 r;
  do r = host::call(__NR_read, pipe.read, &message, sizeof message);
  while (r == -EINTR);
  return r == static_cast<i64>(sizeof message);
}

i64 fork(u64 flags) { return host::call(__NR_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr); }

[[noreturn]] void become_init(const Pipe& life, const Pipe& prepared, const Roles& roles) {
  end_with_supervisor();
  Message message = {};
  message.failure = sandbox::mount_proc();
  if (!message.failure) message.failure = sandbox::drop_privileges();
  roles.rename(roles.context);
  prepare_init(life.read, prepared.write);
  tell({-1, 1}, message);
  if (message.failure) leave();
  run_init();
}

// So that the kernel, short of the sandbox's memory, ends a program and not those that look after it: what the joiner has
// the program inherits. Opened before the joiner changes its user, after which these files of its are not its own.
struct Front {
  i64 file = -1;
  Failure open() {
    if (config.blob.oom_adjust == 0) return {};
    file = host::call(__NR_openat, AT_FDCWD, kPath, O_WRONLY | O_CLOEXEC);
    return check(file, "cgroup", kPath);
  }
  Failure stand() const {
    if (file < 0) return {};
    char text[16];
    Text number(text, sizeof text);
    number.udec(config.blob.oom_adjust);
    return check(host::call(__NR_write, file, number.data(), number.size()), "cgroup", kPath);
  }
  static constexpr char kPath[] = "/proc/self/oom_score_adj";
};

[[noreturn]] void become_program(const Pipe& answer, const Roles& roles) {
  end_with_supervisor();
  Message message = {};
  message.failure = sandbox::set_limits(config);
  if (!message.failure) message.failure = sandbox::drop_privileges();
  // After no_new_privs, as the kernel demands. A seccomp filter of the monitor belongs after this, last.
  if (!message.failure) message.failure = sandbox::restrict_files(config, kImage);
  if (!message.failure) message.failure = check(roles.execute(roles.context), "monitor");
  tell(answer, message);
  leave();
}

[[noreturn]] void run_joiner(int keeper, Pipe& answer, Pipe& life, const Roles& roles) {
  Message message = {};
  const auto stop_at = [&](Failure failure) {
    if (!failure) return;
    message.failure = failure;
    tell(answer, message);
    leave();
  };
  life.close_write();
  end_with_supervisor();
  Front front;
  stop_at(front.open());
  const bool session = host::call(__NR_getsid, 0) == host::call(__NR_getppid);
  sandbox::leave_groups();
  stop_at(check(host::call(__NR_setns, keeper, sandbox::shared_namespaces(config)), "join"));
  stop_at(check(host::call(__NR_unshare, CLONE_NEWPID), "pid-namespace"));
  stop_at(check(host::call(__NR_unshare, CLONE_NEWNS), "mount-namespace"));
  stop_at(sandbox::become_user(config));
  end_with_supervisor();

  Pipe prepared;
  stop_at(check(prepared.open(), "join"));
  const i64 init = fork(CLONE_PARENT);
  stop_at(check(init, "init"));
  if (init == 0) {
    prepared.close_read();
    answer.close_write();
    become_init(life, prepared, roles);
  }
  message.init = static_cast<i32>(init);
  prepared.close_write();
  Message ready;
  if (!hear(prepared, ready)) ready.failure = {"init", ECHILD};
  stop_at(ready.failure);
  stop_at(front.stand());

  const i64 child = fork(CLONE_PARENT);
  stop_at(check(child, "process"));
  if (child == 0) {
    // The supervisor's, which is meant for the program, is not in the program's PID namespace.
    if (session) host::call(__NR_setsid);
    become_program(answer, roles);
  }
  message.child = static_cast<i32>(child);
  tell(answer, message);
  for (;;) host::call(__NR_exit_group, 0);
}

void reap_all(i32 init) {
  if (init > 0) host::call(__NR_kill, init, SIGKILL);
  i64 r;
  do r = host::call(__NR_wait4, -1, nullptr, 0, nullptr);
  while (r > 0 || r == -EINTR);
}

}  // namespace

Failure join_sandbox(int keeper, int description, const Roles& roles, Joined& joined) {
  if (Failure f = sandbox::read_config(description, config)) return f;
  if (Failure f = sandbox::enter_groups(config)) return f;
  Pipe answer, life;
  if (Failure f = check(answer.open(), "join")) return f;
  if (Failure f = check(life.open(), "join")) return f;
  const i64 joiner = fork(0);
  if (joiner < 0) return check(joiner, "join");
  if (joiner == 0) run_joiner(keeper, answer, life, roles);
  answer.close_write();
  life.close_read();
  // Until the joiner has left and the monitor is executed, which closes the last writing end.
  Message message = {}, last = {};
  Failure failure;
  while (hear(answer, message)) {
    if (message.init > 0) last.init = message.init;
    if (message.child > 0) last.child = message.child;
    if (message.failure) failure = message.failure;
  }
  answer.close_read();
  if (!failure && last.child == 0) failure = {"join", ECHILD};
  if (failure) {
    // A joiner that was killed has not said whom it made: the init leaves by itself then, and takes the program with it.
    life.close_write();
    reap_all(last.init);
    return failure;
  }
  host::call(__NR_wait4, joiner, nullptr, 0, nullptr);
  joined = {last.init, last.child, life.write, config.blob.deadline_ms};
  return {};
}

}  // namespace barchan::supervisor
