// Shows: vector registers survive a handler, are at their initial state in it, and can be changed through its frame.
// run: both
#include "guest.h"
#include <immintrin.h>
#include <cpuid.h>
#include <sys/ucontext.h>

static volatile int mode, runs;

__attribute__((target("avx2"))) static int has_avx(void) {
  return __builtin_cpu_supports("avx2");
}

static void handler(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  ucontext_t* uc = context;
  unsigned mxcsr, control = 0;
  asm volatile("stmxcsr %0" : "=m"(mxcsr));
  asm volatile("fnstcw %0" : "=m"(control));
  unsigned char* area = (unsigned char*)uc->uc_mcontext.fpregs;
  uint32_t magic1, extended, size, magic2;
  memcpy(&magic1, area + 464, 4), memcpy(&extended, area + 468, 4), memcpy(&size, area + 480, 4);
  memcpy(&magic2, area + size, 4);
  uint64_t features, present;
  memcpy(&features, area + 472, 8), memcpy(&present, area + 512, 8);
  if (runs++ == 0) {
    printf("mxcsr %x fcw %x saved mxcsr %x fcw %x\n", mxcsr, control, uc->uc_mcontext.fpregs->mxcsr,
           uc->uc_mcontext.fpregs->cwd);
    printf("magic %x %x extended-size %d aligned %d flags %llx\n", magic1, magic2, (int)(extended - size),
           (uintptr_t)area % 64 == 0, (unsigned long long)uc->uc_flags);
    printf("x87, sse, avx present %d of %d\n", (int)(present & 7), (int)(features & 7));
  }
  asm volatile("pxor %%xmm0, %%xmm0; pcmpeqb %%xmm1, %%xmm1; pcmpeqb %%xmm15, %%xmm15; fninit; fldpi"
               ::: "xmm0", "xmm1", "xmm15", "st");
  if (mode == 1) memset(&uc->uc_mcontext.fpregs->_xmm[3], 0x5a, 16);
  if (mode == 2) uc->uc_mcontext.fpregs = NULL;
}

__attribute__((target("avx2"), noinline)) static void round_trip(int how) {
  unsigned char in[16][32], out[16][32];
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 32; j++) in[i][j] = (unsigned char)(i * 16 + j + 1);
  mode = how;
  long pid = getpid();
  unsigned mxcsr = 0x9fc0;
  asm volatile("fninit; fld1; ldmxcsr %0" ::"m"(mxcsr));
  register long number asm("rax") = SYS_kill;
  asm volatile(
      "vmovdqu 0x00(%[in]), %%ymm0; vmovdqu 0x20(%[in]), %%ymm1; vmovdqu 0x60(%[in]), %%ymm3;"
      "vmovdqu 0x1e0(%[in]), %%ymm15; syscall;"
      "vmovdqu %%ymm0, 0x00(%[out]); vmovdqu %%ymm1, 0x20(%[out]); vmovdqu %%ymm3, 0x60(%[out]);"
      "vmovdqu %%ymm15, 0x1e0(%[out])"
      : "+r"(number)
      : "D"(pid), "S"((long)SIGUSR1), [in] "r"(in), [out] "r"(out)
      : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm3", "xmm15");
  unsigned after;
  double top;
  asm volatile("stmxcsr %0" : "=m"(after));
  asm volatile("fstpl %0" : "=m"(top));
  mxcsr = 0x1f80;
  asm volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));
  printf("mode %d: result %ld mxcsr %x st0 %g\n", how, number, after, top);
  int which[] = {0, 1, 3, 15};
  for (int k = 0; k < 4; k++) {
    int i = which[k];
    printf("  ymm%d low %s high %s first %02x\n", i, memcmp(in[i], out[i], 16) ? "differs" : "same",
           memcmp(in[i] + 16, out[i] + 16, 16) ? "differs" : "same", out[i][0]);
  }
}

int main(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  if (!has_avx()) {
    puts("no AVX2");
    return 0;
  }
  for (int how = 0; how < 3; how++) round_trip(how);
  return guest_failed();
}
