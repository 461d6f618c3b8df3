// Shows: fork, and every way to wait: statuses, WNOHANG, waitid fields, stops and continues, ECHILD.
// run: both
#include "guest.h"

static pid_t child_exit(int code) {
  pid_t pid = MUST(fork());
  if (!pid) _exit(code);
  return pid;
}

int main(void) {
  int codes[] = {0, 1, 42, 127, 128, 255, 256, 257, -1};
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) reap("code", child_exit(codes[i]));
  SHOW(waitpid(-1, NULL, 0));
  SHOW(wait(NULL));
  int go[2];
  MUST(pipe(go));
  pid_t child = MUST(fork());
  if (!child) {
    char c;
    MUST(read(go[0], &c, 1));
    _exit(7);
  }
  SHOW(waitpid(child, NULL, WNOHANG));
  MUST(write(go[1], "x", 1));
  reap("after go", child);
  SHOW(waitpid(child, NULL, WNOHANG));
  child = child_exit(9);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  SHOW(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
  CHECK(info.si_pid == child && info.si_code == CLD_EXITED && info.si_status == 9 && info.si_signo == SIGCHLD);
  SHOW(waitid(P_ALL, 0, &info, WEXITED));
  CHECK(info.si_pid == child && info.si_uid == getuid());
  SHOW(waitid(P_ALL, 0, &info, WEXITED));
  SHOW(waitid(P_PID, (id_t)child, &info, 0));
  child = MUST(fork());
  if (!child) {
    for (;;) pause();
  }
  int status;
  MUST(kill(child, SIGSTOP));
  CHECK(waitpid(child, &status, WUNTRACED) == child);
  show_status("stop", status);
  MUST(kill(child, SIGCONT));
  CHECK(waitpid(child, &status, WCONTINUED) == child);
  show_status("cont", status);
  memset(&info, 0, sizeof info);
  SHOW(waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
  CHECK(info.si_pid == 0);
  MUST(kill(child, SIGTERM));
  SHOW(waitid(P_PID, (id_t)child, &info, WEXITED));
  printf("code %d status %d\n", info.si_code, info.si_status);
  // Any of a process group.
  pid_t first = MUST(fork());
  if (!first) {
    setpgid(0, 0);
    _exit(3);
  }
  setpgid(first, first);
  CHECK(waitpid(-first, &status, 0) == first);
  show_status("group", status);
  SHOW(waitpid(-first, &status, 0));
  SHOW(waitpid(1, NULL, 0));
  SHOW(wait4(-1, (int*)8, 0, NULL));
  child = child_exit(1);
  usleep(1000);
  signal(SIGCHLD, SIG_IGN);
  child = child_exit(1);
  while (waitpid(child, NULL, 0) == child) {
  }
  CHECK(errno == ECHILD);
  return guest_failed();
}
