// Shows: vfork children that are killed at any moment, while they close, duplicate, map and make children of their own:
//        the parent and its other threads go on.
// run: static ; timeout 60s
#include "guest.h"
#include <sched.h>

static char stack[16384] __attribute__((aligned(16)));
static volatile pid_t target;
static volatile int stop;

static int leaf(void* unused UNUSED) {
  syscall(SYS_exit_group, 0);
  return 0;
}

static int child(void* unused UNUSED) {
  static char stacks[16][4096] __attribute__((aligned(16)));
  for (unsigned i = 0;; i++) {
    if (i % 4 == 3) {
      char* top = stacks[i / 4 % 16] + sizeof stacks[0];
      pid_t pid = clone(leaf, top, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
      if (pid > 0) waitpid(pid, NULL, 0);
    }
    int fd = dup(1);
    if (fd >= 0) close(fd);
    void* map = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map != MAP_FAILED) {
      *(volatile char*)map = 1;
      munmap(map, 1 << 16);
    }
  }
}

static void* killer(void* unused UNUSED) {
  unsigned random = 12345;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    pid_t pid = __atomic_load_n(&target, __ATOMIC_ACQUIRE);
    if (pid <= 0) continue;
    random = random * 1103515245 + 12345;
    usleep(random >> 16 & 4095);
    syscall(SYS_kill, pid, SIGKILL);
    while (__atomic_load_n(&target, __ATOMIC_ACQUIRE) == pid && !stop) sched_yield();
  }
  return NULL;
}

static void* body(void* argument) {
  int fd = dup(1);
  close(fd);
  void* map = MUST(mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  *(volatile char*)map = 1;
  munmap(map, 1 << 16);
  return argument;
}

int main(void) {
  pthread_t thread, other;
  pthread_create(&thread, NULL, killer, NULL);
  int killed = 0;
  for (int i = 0; i < 150; i++) {
    int status;
    pid_t pid = MUST(clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, NULL, (pid_t*)&target));
    MUST(waitpid(pid, &status, 0));
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    target = 0;
    pthread_create(&other, NULL, body, NULL);
    pthread_join(other, NULL);
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("killed %d\n", killed);
  return guest_failed();
}
