// Shows: vfork children that make processes and threads themselves, in every order with their parent's; each with a
//        descriptor table of its own.
// run: both ; timeout 60s
#include "guest.h"
#include <sched.h>
#include <spawn.h>

extern char** environ;
static volatile int value;
static char stack[16384] __attribute__((aligned(16))), other[16384] __attribute__((aligned(16)));
static int finished;

static void* thread_body(void* argument) {
  for (volatile int i = 0; i < 1000; i++) {
  }
  return argument;
}

static int count_thread(void* unused UNUSED) {
  __atomic_fetch_add(&value, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_exit, 0);
  return 0;
}

static int leaf(void* code) {
  __atomic_fetch_add(&value, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_exit_group, (int)(long)code);
  return 0;
}

// A vfork child: its own vfork children, one after the other, and a raw thread.
static int middle(void* how) {
  long kind = (long)how;
  int status, sum = 0;
  for (long i = 1; i <= 2; i++) {
    pid_t pid = clone(leaf, other + sizeof other, CLONE_VM | CLONE_VFORK | SIGCHLD, (void*)i);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) syscall(SYS_exit_group, 90);
    sum += WEXITSTATUS(status);
  }
  if (kind == 1) {
    finished = 1;
    int flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID;
    if (clone(count_thread, other + sizeof other, flags, NULL, NULL, NULL, &finished) < 0) syscall(SYS_exit_group, 91);
    while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE)) syscall(SYS_futex, &finished, 0, 1, NULL, NULL, 0);
  }
  if (kind == 2) {
    char* arguments[] = {"me", "exec'd", NULL};
    execv("/proc/self/exe", arguments);
  }
  syscall(SYS_exit_group, sum + 10);
  return 0;
}

int main(int argc, char** argv UNUSED) {
  if (argc > 1) return 7;
  int sums[3] = {0};
  for (int round = 0; round < 12; round++) {
    int status;
    pid_t pid = MUST(clone(middle, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void*)(long)(round % 3)));
    MUST(waitpid(pid, &status, 0));
    sums[round % 3] += status;
    // The parent's own, with vCPUs of before and after.
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, thread_body, NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    pid_t child;
    if (round % 4 == 3) {
      char* arguments[] = {"me", "spawned", NULL};
      if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments, environ)) puts("posix_spawn failed");
      waitpid(child, &status, 0);
      show_status("spawned", status);
    }
  }
  printf("value %d statuses %x %x %x\n", value, sums[0], sums[1], sums[2]);
  return guest_failed();
}
