#include "supervisor/init.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/signalfd.h>
#include <linux/wait.h>

#include "host/string.h"
#include "host/syscall.h"

namespace barchan::supervisor {
namespace {

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

// False when there is nobody left to wait for.
bool reap() {
  for (;;) {
    const i64 pid = host::call(__NR_wait4, -1, nullptr, WNOHANG, nullptr);
    if (pid == 0) return true;
    if (pid < 0 && pid != -EINTR) return false;
  }
}

}  // namespace

void prepare_init(int life, int other) {
  host::call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  host::call(__NR_prctl, PR_SET_NAME, "barchan-init", 0, 0, 0);
  const i64 high = host::call(__NR_fcntl, other, F_DUPFD_CLOEXEC, 2);
  host::call(__NR_dup3, life, 0, 0);
  host::call(__NR_dup3, high, 1, 0);
  host::call(__NR_close_range, 2, ~0u, 0);
}

void run_init() {
  host::call(__NR_close, 1);
  host::call(__NR_setsid);
  host::call(__NR_chdir, "/");
  u64 children = u64{1} << (SIGCHLD - 1);  // blocked, as all signals are
  const i64 signals = host::call(__NR_signalfd4, -1, &children, sizeof children, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0) leave(1);
  bool alone = false;  // the first process is gone
  for (;;) {
    const bool someone = reap();
    if (alone && !someone) leave(0);
    pollfd wait[2] = {{0, alone ? short{0} : short{POLLIN}, 0}, {static_cast<int>(signals), POLLIN, 0}};
    host::call(__NR_ppoll, wait, 2, nullptr, nullptr, 8);
    if (wait[0].revents & POLLIN) {
      char byte;
      if (host::call(__NR_read, 0, &byte, 1) == 1)
        alone = true;
      else
        leave(0);
    } else if (wait[0].revents != 0) {
      leave(0);
    }
    if (wait[1].revents != 0) {
      signalfd_siginfo info[4];
      while (host::call(__NR_read, signals, info, sizeof info) > 0) {}
    }
  }
}

}  // namespace barchan::supervisor
