// Opens a path that another thread changes into the KVM device's, or into another process's memory.
// @technique T1068
// @weakness CWE-367
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @attempts 1
// @flags -pthread
#include <pthread.h>
#include <sys/sysmacros.h>

#include "../attack.h"

static char device[16] = "/dev/zero";
static volatile int stop;

static void* flip(void* unused) {
  while (!stop) {
    memcpy(device + 5, "kvm\0", 5);
    linger(50);
    memcpy(device + 5, "zero", 5);
    linger(50);
  }
  return unused;
}

int main(void) {
  pthread_t thread;
  CONTROL("thread", -pthread_create(&thread, NULL, flip, NULL));
  int reached = 0, good = 0;
  while (!reached && for_seconds(getenv("ATTACK_CONTROL") ? 10 : 1.5)) {
    struct stat s;
    int fd = open(device, O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    if (fstat(fd, &s) == 0 && s.st_rdev == makedev(10, 232)) reached = 1;
    good++;
    close(fd);
  }
  stop = 1;
  pthread_join(thread, NULL);
  CONTROL("the other file was opened", good > 0 ? 0 : -1);
  MUST_NOT("open", reached, "EACCES");
  return 0;
}
