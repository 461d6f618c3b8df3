// Shows: signals between processes: kill, SIGCHLD with siginfo, stop and continue, masks and dispositions over fork
//        and exec, death by each default action.
// run: both
#include "guest.h"

static volatile int got;
static siginfo_t by_number[65];  // the last of each: USR1 and CHLD may come together
#define usr1 by_number[SIGUSR1]
#define chld by_number[SIGCHLD]
static void handler(int signo, siginfo_t* info, void* context UNUSED) {
  got++;
  by_number[signo] = *info;
}
static void wait_for(int n) {
  sigset_t none;
  sigemptyset(&none);
  while (got < n) sigsuspend(&none);
}

int main(int argc, char** argv) {
  if (argc > 1) {  // after exec
    sigset_t now, pending;
    sigprocmask(SIG_SETMASK, NULL, &now);
    sigpending(&pending);
    for (int s = 1; s < 32; s++) {
      struct sigaction action;
      sigaction(s, NULL, &action);
      const char* how = action.sa_handler == SIG_IGN ? "ignored" : action.sa_handler == SIG_DFL ? "" : "handler";
      if (*how || sigismember(&now, s) || sigismember(&pending, s)) {
        printf("exec: %s %s%s%s\n", sigabbrev_np(s), how, sigismember(&now, s) ? " blocked" : "",
               sigismember(&pending, s) ? " pending" : "");
      }
    }
    return 0;
  }
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
  action.sa_sigaction = handler;
  sigaddset(&action.sa_mask, SIGCHLD), sigaddset(&action.sa_mask, SIGUSR1);
  MUST(sigaction(SIGCHLD, &action, NULL));
  MUST(sigaction(SIGUSR1, &action, NULL));
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGCHLD), sigaddset(&block, SIGUSR1);
  MUST(sigprocmask(SIG_BLOCK, &block, NULL));

  pid_t parent = getpid(), pid = MUST(fork());
  if (pid == 0) {
    union sigval value = {.sival_int = 77};
    sigqueue(parent, SIGUSR1, value);
    _exit(9);
  }
  wait_for(1);
  printf("USR1 code %d value %d pid %d uid %d\n", usr1.si_code, usr1.si_value.sival_int, usr1.si_pid == pid,
         usr1.si_uid == getuid());
  wait_for(2);
  printf("CHLD code %d status %d pid %d\n", chld.si_code, chld.si_status, chld.si_pid == pid);
  reap("child", pid);

  // Stop, continue, kill, each seen by SIGCHLD and by waitpid.
  got = 0;
  pid = MUST(fork());
  if (pid == 0)
    for (;;) pause();
  int status;
  kill(pid, SIGSTOP);
  MUST(waitpid(pid, &status, WUNTRACED));
  show_status("stop", status);
  wait_for(1);
  printf("CHLD code %d status %d\n", chld.si_code, chld.si_status);
  kill(pid, SIGCONT);
  MUST(waitpid(pid, &status, WCONTINUED));
  show_status("cont", status);
  wait_for(2);
  printf("CHLD code %d status %d\n", chld.si_code, chld.si_status);
  kill(pid, SIGTERM);
  wait_for(3);
  printf("CHLD code %d status %d\n", chld.si_code, chld.si_status);
  reap("term", pid);
  MUST(sigprocmask(SIG_UNBLOCK, &block, NULL));
  signal(SIGCHLD, SIG_DFL);

  // A busy child is interrupted as well.
  pid = MUST(fork());
  if (pid == 0)
    for (volatile long i = 0;; i++) {
    }
  usleep(20000);
  kill(pid, SIGKILL);
  reap("busy", pid);
  for (int s = 1; s < 32; s++) {
    if (s == SIGKILL || s == SIGSTOP || s == SIGTSTP || s == SIGTTIN || s == SIGTTOU) continue;
    pid = MUST(fork());
    if (pid == 0) {
      signal(s, SIG_DFL);
      raise(s);
      _exit(0);
    }
    MUST(waitpid(pid, &status, 0));
    printf("%s: ", sigabbrev_np(s));
    show_status("default", status);
  }
  int p[2];
  MUST(pipe(p));
  close(p[0]);
  pid = MUST(fork());
  if (pid == 0) {
    ssize_t n = write(p[1], "x", 1);
    _exit((int)n);
  }
  reap("PIPE", pid);
  signal(SIGPIPE, SIG_IGN);
  SHOW(write(p[1], "x", 1));
  SHOW(kill(-1 - 0x7ffffff0, SIGTERM));
  SHOW(kill(0x7fffffff, 0));

  // SIGCHLD ignored: no zombies.
  signal(SIGCHLD, SIG_IGN);
  pid = MUST(fork());
  if (pid == 0) _exit(0);
  SHOW(waitpid(pid, NULL, 0));
  signal(SIGCHLD, SIG_DFL);
  struct sigaction no_wait = {.sa_flags = SA_NOCLDWAIT};
  no_wait.sa_handler = SIG_DFL;
  MUST(sigaction(SIGCHLD, &no_wait, NULL));
  pid = MUST(fork());
  if (pid == 0) _exit(0);
  SHOW(waitpid(pid, NULL, 0));
  signal(SIGCHLD, SIG_DFL);

  // Pending signals are not inherited by fork, and are by exec, with mask and ignored dispositions.
  sigset_t set, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2), sigaddset(&set, SIGSEGV), sigaddset(&set, SIGHUP);
  MUST(sigprocmask(SIG_BLOCK, &set, NULL));
  raise(SIGUSR2), raise(SIGSEGV);
  pid = MUST(fork());
  if (pid == 0) {
    sigpending(&pending);
    printf("child pending %d %d\n", sigismember(&pending, SIGUSR2), sigismember(&pending, SIGSEGV));
    raise(SIGSEGV), raise(SIGUSR2);
    signal(SIGBUS, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    sigaction(SIGINT, &action, NULL);
    char* arguments[] = {argv[0], "after", NULL};
    execv("/nonexistent", arguments);
    raise(SIGSEGV);
    execv("/proc/self/exe", arguments);
    _exit(1);
  }
  reap("exec", pid);
  sigpending(&pending);
  printf("parent pending %d %d\n", sigismember(&pending, SIGUSR2), sigismember(&pending, SIGSEGV));
  return guest_failed();
}
