// Shows: sigaltstack: where handlers run, SS_ONSTACK, EPERM, SS_AUTODISARM, errors, overflow of the main stack.
// run: both
#include "guest.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static char stack_a[65536] __attribute__((aligned(64))), stack_b[65536];
static volatile int nested;

static int on(char* stack, void* p) { return (char*)p >= stack && (char*)p < stack + 65536; }

static void describe(const char* what) {
  stack_t now;
  MUST(sigaltstack(NULL, &now));
  printf("%s: flags %x size %zu %s\n", what, now.ss_flags, now.ss_size,
         now.ss_sp == stack_a ? "a" : now.ss_sp == stack_b ? "b" : now.ss_sp ? "other" : "null");
}

static void handler(int signo, siginfo_t* info UNUSED, void* context) {
  int here;
  ucontext_t* uc = context;
  printf("%s on a %d b %d; frame's flags %x size %zu\n", sigabbrev_np(signo), on(stack_a, &here), on(stack_b, &here),
         uc->uc_stack.ss_flags, uc->uc_stack.ss_size);
  CHECK(((uintptr_t)__builtin_frame_address(0) & 15) == 0);
  describe("inside");
  stack_t b = {.ss_sp = stack_b, .ss_size = sizeof stack_b};
  SHOW(sigaltstack(&b, NULL));
  describe("after change");
  if (nested++ == 0) raise(SIGUSR2);
}

static sigjmp_buf jump;
static void overflow(int signo, siginfo_t* info UNUSED, void* context UNUSED) {
  int here;
  printf("overflow %s on a %d\n", sigabbrev_np(signo), on(stack_a, &here));
  siglongjmp(jump, 1);
}
static volatile int limit = 1 << 30;
__attribute__((noinline)) static int deep(int n) {
  volatile char big[4096];
  big[n & 4095] = (char)n;
  return n < limit ? deep(n + 1) + big[0] : 0;
}

int main(void) {
  describe("start");
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  MUST(sigaction(SIGUSR2, &action, NULL));
  raise(SIGUSR1);  // no stack set: runs on the main one, and sets b
  describe("b set inside");
  stack_t a = {.ss_sp = stack_a, .ss_size = sizeof stack_a, .ss_flags = SS_ONSTACK};
  SHOW(sigaltstack(&a, NULL));
  describe("a set");
  nested = 0;
  raise(SIGUSR1);
  describe("after");
  a.ss_flags = (int)SS_AUTODISARM;
  SHOW(sigaltstack(&a, NULL));
  describe("autodisarm");
  nested = 0;
  raise(SIGUSR1);
  describe("after");
  stack_t small = {.ss_sp = stack_a, .ss_size = 2047};
  SHOW(sigaltstack(&small, NULL));
  stack_t wrong = {.ss_sp = stack_a, .ss_size = 65536, .ss_flags = 8};
  SHOW(sigaltstack(&wrong, NULL));
  SHOW(syscall(SYS_sigaltstack, 16, NULL));
  SHOW(syscall(SYS_sigaltstack, NULL, 16));
  stack_t off = {.ss_flags = SS_DISABLE, .ss_sp = stack_b, .ss_size = 9};
  SHOW(sigaltstack(&off, NULL));
  describe("off");

  a.ss_flags = 0;
  SHOW(sigaltstack(&a, NULL));
  action.sa_sigaction = overflow;
  MUST(sigaction(SIGSEGV, &action, NULL));
  for (int i = 0; i < 3; i++)
    if (!sigsetjmp(jump, 1)) deep(0);
  describe("after overflow");

  // Too small for the frame: SIGSEGV that cannot be handled there either.
  pid_t pid = MUST(fork());
  if (pid == 0) {
    stack_t tiny = {.ss_sp = stack_a, .ss_size = 2048};
    sigaltstack(&tiny, NULL);
    action.sa_sigaction = handler;
    sigaction(SIGSEGV, &action, NULL);
    asm volatile("sub $4096, %%rsp; mov %%rsp, %%rax; lea 600+stack_a(%%rip), %%rsp; movb $0, 0; mov %%rax, %%rsp" ::
                     : "rax", "memory");
    _exit(0);
  }
  reap("frame overflow", pid);
  return guest_failed();
}
