// Looks for descriptors of the monitor while it makes new ones: forks, execs, opens and threads go on beside.
// @technique T1611
// @weakness CWE-362
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively there are none
// @attempts 2
// @reads descriptors
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

static int first;
static volatile int stop, seen, taken;

static void* look(void* unused) {
  while (!stop) {
    for (int fd = first; fd < first + 64; fd++) {
      if (fcntl(fd, F_GETFD) >= 0) seen = 1;
      if (dup2(1, fd) >= 0) taken = 1;
    }
  }
  return unused;
}
static void* busy(void* unused) {
  while (!stop) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    close(fd);
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    close(fd);
  }
  return unused;
}

int main(void) {
  int numbers[4096], count = read_descriptors(numbers, 4096);
  for (int i = 0; i < count; i++)
    if (numbers[i] > 2 && (!first || numbers[i] < first)) first = numbers[i];
  CONTROL("private descriptors", first ? 0 : -1);
  pthread_t threads[3];
  CONTROL("thread", -pthread_create(&threads[0], NULL, look, NULL));
  CONTROL("thread", -pthread_create(&threads[1], NULL, busy, NULL));
  CONTROL("thread", -pthread_create(&threads[2], NULL, busy, NULL));
  usleep(1500000);
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  MUST_NOT("seen", seen, "EBADF");
  MUST_NOT("taken", taken, "EBADF");
  return 0;
}
