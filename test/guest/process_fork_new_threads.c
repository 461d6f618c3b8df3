// Shows: fork while new threads appear, each of which stays: neither waits for the other.
// run: static ; timeout 60s
#include "guest.h"

static volatile int forking = 6;
static int park[2];

static void* stays(void* unused UNUSED) {
  char byte;
  MUST(read(park[0], &byte, 1));
  return NULL;
}

static void* forker(void* result) {
  for (int i = 0; i < 10; i++) {
    pid_t child = fork();
    if (child == 0) _exit(i);
    int status;
    if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == i)
      ++*(int*)result;
  }
  __atomic_fetch_sub(&forking, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

int main(void) {
  pthread_t forkers[6], threads[60];
  int good[6] = {0}, made = 0;
  MUST(pipe(park));
  for (int i = 0; i < 6; i++) pthread_create(&forkers[i], NULL, forker, &good[i]);
  while (made < 60 && forking) {
    if (pthread_create(&threads[made], NULL, stays, NULL) != 0) break;
    made++;
    usleep(100);
  }
  for (int i = 0; i < 6; i++) pthread_join(forkers[i], NULL);
  for (int i = 0; i < made; i++) MUST(write(park[1], "x", 1));
  for (int i = 0; i < made; i++) pthread_join(threads[i], NULL);
  CHECK(made > 1);
  for (int i = 0; i < 6; i++) CHECK(good[i] == 10);
  return guest_failed();
}
