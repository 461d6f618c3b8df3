// Shows: no queued signal is lost or doubled while one thread's execs fail and others open, duplicate and close
//        descriptors; none of their calls fails for it.
// run: both
#include "guest.h"

#define ROUNDS 150

static volatile int hits, bad_calls;
static volatile int stop;
static void handler(int signo UNUSED) { __atomic_fetch_add(&hits, 1, __ATOMIC_SEQ_CST); }

static void* descriptors(void* unused UNUSED) {
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    int a = open("/dev/null", O_RDONLY), b = dup(a), c = fcntl(a, F_DUPFD, 50), p[2];
    int bad = a < 0 || b < 0 || c < 50 || pipe(p) != 0;
    void* map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bad |= map == MAP_FAILED || munmap(map, 4096) != 0;
    bad |= dup2(a, b) != b || close(a) || close(b) || close(c) || close(p[0]) || close(p[1]);
    if (bad) __atomic_fetch_add(&bad_calls, 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

int main(void) {
  scratch();
  int file = MUST(open("program", O_WRONLY | O_CREAT, 0755));
  MUST(write(file, "neither ELF nor script", 22));
  close(file);
  struct sigaction action = {.sa_handler = handler};  // no SA_RESTART: these calls are not interruptible
  MUST(sigaction(SIGRTMIN, &action, NULL));
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, descriptors, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  int wrong = 0;
  char* arguments[] = {"program", NULL};
  for (int i = 0; i < ROUNDS; i++) {
    union sigval value = {.sival_int = i};
    MUST(sigqueue(getpid(), SIGRTMIN, value));
    if (execve(i & 1 ? "program" : "/does/not/exist", arguments, arguments) != -1 || errno != (i & 1 ? ENOEXEC : ENOENT)) wrong++;
  }
  for (int i = 0; i < 5000 && hits < ROUNDS; i++) usleep(1000);
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  SHOW(hits);
  SHOW(bad_calls);
  SHOW(wrong);
  return guest_failed();
}
