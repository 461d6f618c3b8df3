// Shows: leaving handlers by siglongjmp, swapcontext-like edits of the frame, and hand-made sigreturn frames.
// run: both
#include "guest.h"
#include <sys/ucontext.h>
#include <ucontext.h>

static sigjmp_buf jump;
static volatile int count;
static void leave(int signo UNUSED) {
  count++;
  siglongjmp(jump, count);
}
static void redirect_target(void) {
  puts("redirected");
  fflush(stdout);
  _exit(5);
}
static void redirect(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  r[REG_RIP] = (greg_t)redirect_target;
  r[REG_RSP] = (r[REG_RSP] & ~15ll) - 1024 - 8;
}
static volatile long bad_rip;
static void jump_bad(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP] = bad_rip;
}
static void flags_handler(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_EFL] = -1ll & ~0x100;  // all but TF
}
static void direction(int signo UNUSED) {
  unsigned long flags;
  asm volatile("pushfq; pop %0" : "=r"(flags));
  printf("flags in handler %lx\n", flags & 0x500);
}
static void add_mask(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGHUP);
  sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGKILL);
}

int main(void) {
  signal(SIGUSR1, leave);
  for (volatile int i = 0; i < 1000; i++)
    if (!sigsetjmp(jump, 1)) raise(SIGUSR1);
  printf("count %d\n", count);

  struct sigaction action = {.sa_flags = SA_SIGINFO};
  pid_t pid = MUST(fork());
  if (pid == 0) {
    action.sa_sigaction = redirect;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    _exit(0);
  }
  reap("redirect", pid);

  long rips[] = {0x8000000000000000, (long)0xffffffff81000000, 0x10, 0x800000000000, 0x7ffffffff000};
  for (int i = 0; i < 5; i++) {
    pid = MUST(fork());
    if (pid == 0) {
      bad_rip = rips[i];
      action.sa_sigaction = jump_bad;
      sigaction(SIGUSR2, &action, NULL);
      trap_install();
      TRAP("bad rip", 0, raise(SIGUSR2));
      _exit(0);
    }
    reap("bad rip", pid);
  }
  for (int i = 0; i < 5; i++) {
    pid = MUST(fork());
    if (pid == 0) {
      action.sa_sigaction = (void*)rips[i];
      sigaction(SIGUSR2, &action, NULL);
      trap_install();
      TRAP("bad handler", 0, raise(SIGUSR2));
      _exit(0);
    }
    reap("bad handler", pid);
  }

  action.sa_sigaction = flags_handler;
  sigaction(SIGUSR2, &action, NULL);
  raise(SIGUSR2);
  unsigned long flags;
  asm volatile("pushfq; pop %0; push $0x202; popfq" : "=r"(flags)::"cc");
  printf("flags restored %lx\n", flags & 0x3d7fd5 & ~0x8d5ul);

  signal(SIGUSR2, direction);
  long result, number = SYS_tkill;
  asm volatile("std; syscall; pushfq; pop %%r8; cld; mov %%r8, %1"
               : "=a"(result), "=m"(flags)
               : "0"(number), "D"((long)getpid()), "S"((long)SIGUSR2)
               : "rcx", "r11", "r8", "memory");
  printf("result %ld flags after %lx\n", result, flags & 0x500);

  action.sa_sigaction = add_mask;
  sigaction(SIGUSR2, &action, NULL);
  raise(SIGUSR2);
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  printf("HUP %d KILL %d USR2 %d\n", sigismember(&now, SIGHUP), sigismember(&now, SIGKILL), sigismember(&now, SIGUSR2));

  for (int i = 0; i < 2; i++) {
    pid = MUST(fork());
    if (pid == 0) {
      if (i == 0) {  // a frame in unmapped memory
        asm volatile("mov $0x1000, %%rsp; mov $15, %%eax; syscall" ::: "memory");
      } else {  // no SA_RESTORER
        struct {
          void (*handler)(int);
          unsigned long flags;
          void* restorer;
          unsigned long mask;
        } raw = {leave, 0, NULL, 0};
        MUST(syscall(SYS_rt_sigaction, SIGUSR1, &raw, NULL, 8));
        raise(SIGUSR1);
      }
      _exit(0);
    }
    reap("bad frame", pid);
  }
  return guest_failed();
}
