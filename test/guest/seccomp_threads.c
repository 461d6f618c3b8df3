// Shows: SECCOMP_FILTER_FLAG_TSYNC: a filter for all threads, and the thread that stands in its way.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "guest.h"

static pthread_barrier_t step;
static pid_t own_way;

static long install(int number, int error, unsigned flags) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {4, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int probe(int number) { return syscall(number) == -1 ? errno : 0; }

static void* worker(void* result) {
  pthread_barrier_wait(&step);
  pthread_barrier_wait(&step);
  *(int*)result = probe(SYS_getppid);
  pthread_barrier_wait(&step);
  return NULL;
}
static void* stubborn(void* unused UNUSED) {
  own_way = gettid();
  MUST(install(SYS_getgid, EXDEV, 0));
  pthread_barrier_wait(&step);
  pthread_barrier_wait(&step);
  return NULL;
}

int main(void) {
  pthread_t id[5];
  int results[4] = {0};
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  pthread_barrier_init(&step, NULL, 5);
  for (int i = 0; i < 4; i++) pthread_create(&id[i], NULL, worker, &results[i]);
  pthread_barrier_wait(&step);
  SHOW(install(SYS_getppid, ENOANO, SECCOMP_FILTER_FLAG_TSYNC));
  pthread_barrier_wait(&step);
  pthread_barrier_wait(&step);
  for (int i = 0; i < 4; i++) pthread_join(id[i], NULL);
  for (int i = 0; i < 4; i++) CHECK(results[i] == ENOANO);
  CHECK(probe(SYS_getppid) == ENOANO);

  pthread_barrier_init(&step, NULL, 2);
  pthread_create(&id[0], NULL, stubborn, NULL);
  pthread_barrier_wait(&step);
  CHECK(install(SYS_getuid, EXDEV, SECCOMP_FILTER_FLAG_TSYNC) == own_way);
  SHOW(install(SYS_getuid, EXDEV, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
  CHECK(probe(SYS_getuid) == 0);
  pthread_barrier_wait(&step);
  pthread_join(id[0], NULL);
  // The thread is joined before the kernel has taken it out of the process, and until then it is in the way.
  while (syscall(SYS_tgkill, getpid(), own_way, 0) == 0) sched_yield();
  CHECK(probe(SYS_getgid) == 0);
  SHOW(install(SYS_getuid, EXDEV, SECCOMP_FILTER_FLAG_TSYNC));
  CHECK(probe(SYS_getuid) == EXDEV);
  return guest_failed();
}
