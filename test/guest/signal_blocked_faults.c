// Shows: a SIGSEGV or SIGBUS that somebody sends does not end a waiting call of a thread that blocks or ignores it,
//        and reaches one that does not block it.
// run: both
#include "guest.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

static volatile int seen;
static void handler(int signo UNUSED) { seen++; }

// Sends both to the process while it waits.
static pid_t bother(int signo) {
  pid_t parent = getpid(), child = MUST(fork());
  if (!child) {
    for (int i = 0; i < 3; i++) {
      usleep(20000);
      kill(parent, signo);
    }
    _exit(0);
  }
  return child;
}

static void waits(const char* how, int signo) {
  printf("%s %s\n", how, sigabbrev_np(signo));
  int p[2], status;
  MUST(pipe(p));
  struct pollfd entry = {p[0], POLLIN, 0};
  struct timespec time = {0, 150000000};
  struct timeval limit = {0, 150000};
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  for (int i = 0; i < 5; i++) {
    pid_t child = bother(signo);
    double start = seconds();
    if (i == 0) SHOW(nanosleep(&time, NULL));
    if (i == 1) SHOW(poll(&entry, 1, 150));
    if (i == 2) SHOW(ppoll(&entry, 1, &time, &now));
    if (i == 3) SHOW(select(p[0] + 1, NULL, NULL, NULL, &limit));
    if (i == 4) {
      int set = MUST(epoll_create1(0));
      SHOW(epoll_pwait(set, (struct epoll_event[1]){}, 1, 150, &now));
      close(set);
    }
    CHECK(seconds() - start >= 0.149);
    while (waitpid(child, &status, 0) < 0) {
    }
  }
  close(p[0]), close(p[1]);
}

static void* sleeper(void* unused UNUSED) {
  struct timespec time = {20, 0};
  SHOW(nanosleep(&time, NULL));
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = handler};  // no SA_RESTART
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV), sigaddset(&set, SIGBUS);
  for (int i = 0; i < 2; i++) {
    int signo = i ? SIGBUS : SIGSEGV;
    MUST(sigaction(signo, &action, NULL));
    MUST(sigprocmask(SIG_BLOCK, &set, &old));
    seen = 0;
    waits("blocked", signo);
    printf("seen while blocked %d\n", seen);
    MUST(sigprocmask(SIG_SETMASK, &old, NULL));
    printf("seen after %d\n", seen);
    signal(signo, SIG_IGN);
    waits("ignored", signo);
    MUST(sigaction(signo, &action, NULL));
    // With a handler and not blocked it does end the wait.
    pid_t child = bother(signo);
    SHOW(poll(NULL, 0, 20000));
    int status;
    while (waitpid(child, &status, 0) < 0) {
    }
    printf("some %d\n", seen > 0);
  }

  // Waiting for it.
  MUST(sigprocmask(SIG_BLOCK, &set, &old));
  pid_t child = bother(SIGSEGV);
  siginfo_t info;
  SHOW(sigwaitinfo(&set, &info));
  CHECK(info.si_pid == child && info.si_code == SI_USER);
  reap("child", child);
  sigtimedwait(&set, &info, &(struct timespec){0, 0});
  child = bother(SIGBUS);
  int fd = MUST(signalfd(-1, &set, 0));
  struct signalfd_siginfo got;
  SHOW(read(fd, &got, sizeof got));
  SHOW(got.ssi_signo);
  reap("child", child);
  sigtimedwait(&set, &info, &(struct timespec){0, 0});

  // The process's signal goes to the thread that takes it, though the leader sleeps too.
  pthread_t thread;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_create(&thread, NULL, sleeper, NULL);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  seen = 0;
  child = MUST(fork());
  if (!child) {
    usleep(50000);
    kill(getppid(), SIGSEGV);
    _exit(0);
  }
  pthread_join(thread, NULL);
  reap("child", child);
  SHOW(seen);
  return guest_failed();
}
