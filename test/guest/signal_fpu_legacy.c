// Shows: a frame cut down to its FXSAVE part: what it lacks is in its initial state, and what becomes of MXCSR.
// run: both
#include "guest.h"
#include <immintrin.h>
#include <sys/ucontext.h>

static volatile int mode;

static void handler(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  struct _libc_fpstate* state = ((ucontext_t*)context)->uc_mcontext.fpregs;
  memset((char*)state + 464, 0, 48);
  if (mode == 1) state->mxcsr = 0x1f00;
}

__attribute__((target("avx2"), noinline)) static void round_trip(int how) {
  unsigned char in[32], out[32];
  memset(in, 0xa5, sizeof in);
  mode = how;
  unsigned mxcsr = 0x9fc0;
  register long number asm("rax") = SYS_kill;
  double top;
  asm volatile(
      "fninit; fld1; ldmxcsr %[mxcsr]; vmovdqu %[in], %%ymm3; syscall; vmovdqu %%ymm3, %[out];"
      "stmxcsr %[mxcsr]; fstpl %[top]"
      : "+r"(number), [mxcsr] "+m"(mxcsr), [out] "=m"(out), [top] "=m"(top)
      : "D"((long)getpid()), "S"((long)SIGUSR1), [in] "m"(in)
      : "rcx", "r11", "memory", "xmm3", "st");
  unsigned usual = 0x1f80;
  asm volatile("ldmxcsr %0" ::"m"(usual));
  printf("mode %d: result %ld mxcsr %x st0 %g xmm3 %x ymm3's upper half %x\n", how, number, mxcsr, top, out[0], out[16]);
}

int main(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  if (!__builtin_cpu_supports("avx2")) {
    puts("no AVX2");
    return 0;
  }
  for (int how = 0; how < 2; how++) round_trip(how);
  return guest_failed();
}
