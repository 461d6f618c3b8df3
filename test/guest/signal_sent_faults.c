// Shows: a SIGSEGV or SIGBUS that another process sends while the program makes calls fast, by whatever way they go, is never
//        lost, comes to a thread of the program, and has the siginfo that it was sent with.
// run: both
#include "guest.h"

enum { ROUNDS = 100 };

static int to_parent[2];

static void handler(int signo, siginfo_t* info, void* context UNUSED) {
  struct {
    int signo, code, pid, value;
  } seen = {signo, info->si_code, info->si_pid, info->si_code == SI_QUEUE ? info->si_value.sival_int : 0};
  MUST(write(to_parent[1], &seen, sizeof seen));
}

// Reads of a descriptor, one after the other, until the end by a signal.
static void make_calls(int fd) {
  char byte;
  for (;;) pread(fd, &byte, 1, 0);
}

static void is_handled(int signo) {
  int fd = MUST(open("/proc/self/exe", O_RDONLY)), status;
  MUST(pipe(to_parent));
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(signo, &action, NULL);
  pid_t child = MUST(fork());
  if (!child) make_calls(fd);
  int right = 0;
  for (int i = 0; i < ROUNDS; i++) {
    int queued = i % 2;
    usleep((unsigned)(i * 37 % 500));
    if (queued) {
      MUST(sigqueue(child, signo, (union sigval){.sival_int = i}));
    } else {
      MUST(kill(child, signo));
    }
    struct {
      int signo, code, pid, value;
    } seen;
    alarm(20);
    MUST(read(to_parent[0], &seen, sizeof seen));
    alarm(0);
    right += seen.signo == signo && seen.code == (queued ? SI_QUEUE : SI_USER) && seen.pid == getpid() &&
             seen.value == (queued ? i : 0);
  }
  printf("%s: %d of %d handled\n", sigabbrev_np(signo), right, ROUNDS);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  signal(signo, SIG_DFL);
  close(fd), close(to_parent[0]), close(to_parent[1]);
}

static void ends(int signo) {
  int fd = MUST(open("/proc/self/exe", O_RDONLY)), ended = 0, status;
  for (int i = 0; i < ROUNDS / 4; i++) {
    pid_t child = MUST(fork());
    if (!child) make_calls(fd);
    usleep((unsigned)(i * 137 % 3000));
    alarm(20);
    kill(child, signo);
    waitpid(child, &status, 0);
    alarm(0);
    ended += WIFSIGNALED(status) && WTERMSIG(status) == signo;
  }
  printf("%s: %d of %d ended\n", sigabbrev_np(signo), ended, ROUNDS / 4);
  close(fd);
}

int main(void) {
  is_handled(SIGSEGV);
  is_handled(SIGBUS);
  ends(SIGSEGV);
  ends(SIGBUS);
  return 0;
}
