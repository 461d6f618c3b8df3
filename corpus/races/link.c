// Opens through a symbolic link that another thread swings between a harmless file and the KVM device.
// @technique T1068
// @weakness CWE-363
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @attempts 1
// @flags -pthread
#include <pthread.h>
#include <sys/sysmacros.h>

#include "../attack.h"

static char folder[] = "/tmp/barchan-link-XXXXXX";
static char a[64], b[64], swung[64];
static volatile int stop;

static void* swing(void* unused) {
  while (!stop) {
    symlink("/dev/kvm", a);
    rename(a, swung);
    symlink("/dev/zero", b);
    rename(b, swung);
  }
  return unused;
}

int main(void) {
  CONTROL("folder", mkdtemp(folder) ? 0 : -1);
  snprintf(a, sizeof a, "%s/a", folder);
  snprintf(b, sizeof b, "%s/b", folder);
  snprintf(swung, sizeof swung, "%s/swung", folder);
  pthread_t thread;
  CONTROL("thread", -pthread_create(&thread, NULL, swing, NULL));
  int reached = 0, good = 0;
  while (!reached && for_seconds(getenv("ATTACK_CONTROL") ? 10 : 1.5)) {
    struct stat s;
    int fd = open(swung, O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    if (fstat(fd, &s) == 0 && s.st_rdev == makedev(10, 232)) reached = 1;
    good++;
    close(fd);
  }
  stop = 1;
  pthread_join(thread, NULL);
  unlink(swung), unlink(a), unlink(b), rmdir(folder);
  CONTROL("the other file was opened", good > 0 ? 0 : -1);
  MUST_NOT("open", reached, "EACCES");
  return 0;
}
