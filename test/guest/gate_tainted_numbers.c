// Shows: only 32 bits of a system call's number count, for every kind of call: fork, signal return, a call that is restarted.
// run: static ; timeout 30s
#include "guest.h"

#define UPPER 0x7cffa15800000000ul
static const unsigned long uppers[] = {0x100000000ul, UPPER, 0x8000000000000000ul, 0xffffffff00000000ul};

static long raw(unsigned long nr, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

// Returns from a handler with such a number.
__attribute__((naked, used)) static void restorer(void) {
  __asm__("movabs $0x7cffa1580000000f, %rax\n\tsyscall\n\thlt");
}

static volatile int handled;
static void handler(int signo) { handled += signo == SIGUSR1; }

struct kernel_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};

int main(void) {
  for (unsigned i = 0; i < sizeof uppers / sizeof *uppers; i++) {
    unsigned long upper = uppers[i];
    printf("%lx: getpid %d", upper, raw(upper | SYS_getpid, 0, 0, 0) == getpid());
    printf(" write %ld", raw(upper | SYS_write, 1, (long)"", 0));
    printf(" openat %s", errno_name((int)-raw(upper | SYS_openat, AT_FDCWD, (long)"/none", 0)));
    printf(" old open %s", errno_name((int)-raw(upper | SYS_open, (long)"/none", 0, 0)));
    printf(" mmap %s", errno_name((int)-raw(upper | SYS_mmap, 1, 0, 0)));
    printf(" absent %s\n", errno_name((int)-raw(upper | SYS_vserver, 0, 0, 0)));
    fflush(stdout);
    for (int vfork_too = 0; vfork_too < 2; vfork_too++) {
      long child = raw(upper | SYS_fork, 0, 0, 0);
      if (child == 0) {
        long grandchild = raw(upper | SYS_fork, 0, 0, 0);
        if (grandchild == 0) raw(upper | SYS_exit_group, 3, 0, 0);
        int status;
        waitpid((pid_t)grandchild, &status, 0);
        raw(upper | SYS_exit, WEXITSTATUS(status) + 4, 0, 0);
      }
      reap("child", (pid_t)child);
    }
  }
  struct kernel_action action = {handler, SA_RESTART | 0x04000000 /* SA_RESTORER */, restorer, 0};
  SHOW(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8));
  SHOW(raise(SIGUSR1));
  printf("handled %d\n", handled);
  // A read that a signal interrupts, and that goes on.
  int pair[2];
  MUST(pipe(pair));
  pid_t parent = getpid(), child = MUST(fork());
  if (child == 0) {
    usleep(100000);
    kill(parent, SIGUSR1);
    usleep(100000);
    MUST(write(pair[1], "data", 4));
    _exit(0);
  }
  char text[8] = "";
  printf("read %ld", raw(UPPER | SYS_read, pair[0], (long)text, sizeof text));
  printf(" %s, handled %d\n", text, handled);
  reap("writer", child);
  return 0;
}
