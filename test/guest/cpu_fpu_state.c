// Shows: x87, SSE, AVX state and control words survive system calls, faults, context switches and fork.
#include <immintrin.h>
#include <sched.h>

#include "guest.h"

static void load(uint64_t salt, int avx) {
  uint64_t v[4] = {salt, salt * 3, salt * 5, salt * 7};
  if (avx) __asm__ volatile("vmovdqu %0, %%ymm5; vmovdqu %0, %%ymm15" ::"m"(v) : "xmm5", "xmm15");
  else __asm__ volatile("movdqu %0, %%xmm5; movdqu %0, %%xmm15" ::"m"(v) : "xmm5", "xmm15");
}
static int check(uint64_t salt, int avx) {
  uint64_t v[4] = {0}, w[4] = {0};
  if (avx) __asm__ volatile("vmovdqu %%ymm5, %0; vmovdqu %%ymm15, %1" : "=m"(v), "=m"(w));
  else __asm__ volatile("movdqu %%xmm5, %0; movdqu %%xmm15, %1" : "=m"(v), "=m"(w));
  int good = v[0] == salt && v[1] == salt * 3 && w[0] == salt && w[1] == salt * 3;
  if (avx) good = good && v[2] == salt * 5 && v[3] == salt * 7 && w[3] == salt * 7;
  return good;
}
// Without libc between load and check: it may use these registers.
static long raw(long nr, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
static int avx;
static void* in_thread(void* argument) {
  uint64_t salt = (uint64_t)argument * 0x123456789;
  long bad = 0;
  for (int i = 0; i < 300; i++) {
    load(salt + (uint64_t)i, avx);
    raw(i % 3 ? SYS_sched_yield : SYS_getppid, 0, 0, 0);
    for (volatile int spin = 0; spin < 1000; spin++) {
    }
    bad += !check(salt + (uint64_t)i, avx);
  }
  return (void*)bad;
}

int main(void) {
  avx = __builtin_cpu_supports("avx") != 0;
  load(1111, avx);
  raw(SYS_getpid, 0, 0, 0);
  CHECK(check(1111, avx));
  char* p = MUST((char*)mmap(NULL, 4096 * 64, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  load(2222, avx);
  for (int i = 0; i < 64; i++) p[i * 4096] = 1;
  CHECK(check(2222, avx));
  load(3333, avx);
  long pid = raw(SYS_fork, 0, 0, 0);
  int good = check(3333, avx);
  if (!pid) raw(SYS_exit_group, good ? 0 : 1, 0, 0);
  CHECK(good);
  reap("forked", (pid_t)pid);
  pthread_t threads[6];
  for (long i = 0; i < 6; i++) pthread_create(&threads[i], NULL, in_thread, (void*)(i + 1));
  for (int i = 0; i < 6; i++) {
    void* bad;
    pthread_join(threads[i], &bad);
    printf("thread %d: %ld bad\n", i, (long)bad);
  }
  unsigned short control = 0x0f7f, seen = 0, fresh = 0;
  unsigned mxcsr = 0x7f80, mxcsr_seen = 0;
  __asm__ volatile("fnstcw %0" : "=m"(fresh));
  printf("x87 control at start %x mxcsr %x\n", fresh, _mm_getcsr());
  __asm__ volatile("fldcw %0; ldmxcsr %1" ::"m"(control), "m"(mxcsr));
  raw(SYS_sched_yield, 0, 0, 0);
  __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(seen), "=m"(mxcsr_seen));
  printf("control %x mxcsr %x\n", seen, mxcsr_seen & 0xffc0);
  pid_t child = fork();
  if (!child) {
    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(seen), "=m"(mxcsr_seen));
    _exit(seen == control && (mxcsr_seen & 0xffc0) == mxcsr ? 0 : 1);
  }
  reap("control words in the child", child);
  __asm__ volatile("fldcw %0" ::"m"(fresh));
  _mm_setcsr(0x1f80);
  long double x = 1.0L / 3;
  for (int i = 0; i < 100; i++) {
    x = x * 1.25L - 0.01L;
    raw(SYS_getpid, 0, 0, 0);
  }
  printf("x87 %.15Lf\n", x);
  return guest_failed();
}
