// Shows: FS and GS bases by arch_prctl and by instruction, kept over system calls and per thread; selectors as Linux has them.
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/auxv.h>

#include "guest.h"

static long gs_words[2] = {111, 222};
static void* in_thread(void* argument) {
  unsigned long base = 0;
  syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
  long bad = base == 0;  // inherited from the creator
  syscall(SYS_arch_prctl, ARCH_SET_GS, argument);
  for (int i = 0; i < 50; i++) {
    sched_yield();
    long value;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    bad += value != *(long*)argument;
  }
  return (void*)bad;
}

int main(void) {
  unsigned long fs = 0, gs = 1;
  SHOW(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
  CHECK(fs == (unsigned long)pthread_self());
  SHOW(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
  printf("gs %lx\n", gs);
  SHOW(syscall(SYS_arch_prctl, ARCH_SET_GS, gs_words));
  long value;
  __asm__ volatile("mov %%gs:8, %0" : "=r"(value));
  printf("by gs %ld\n", value);
  SHOW(syscall(SYS_arch_prctl, ARCH_GET_GS, 8));
  SHOW(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000));
  SHOW(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x1000000000000000));
  SHOW(syscall(SYS_arch_prctl, 0x9999, 0));
  if (getauxval(AT_HWCAP2) & 2) {
    unsigned long base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    CHECK(base == (unsigned long)gs_words);
    __asm__ volatile("wrgsbase %0" ::"r"(gs_words + 1));
    getppid();
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    printf("by wrgsbase %ld\n", value);
    SHOW(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
    CHECK(gs == (unsigned long)(gs_words + 1));
  }
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, in_thread, &gs_words[i]);
  for (int i = 0; i < 2; i++) {
    void* bad;
    pthread_join(threads[i], &bad);
    printf("thread %ld bad\n", (long)bad);
  }
  pid_t child = MUST(fork());
  if (!child) {
    unsigned long inherited;
    syscall(SYS_arch_prctl, ARCH_GET_GS, &inherited);
    syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
    _exit(inherited == gs && gs != 0 ? 0 : 1);
  }
  reap("child", child);
  unsigned short cs, ss, ds, es;
  __asm__("mov %%cs, %0; mov %%ss, %1; mov %%ds, %2; mov %%es, %3" : "=r"(cs), "=r"(ss), "=r"(ds), "=r"(es));
  printf("cs %x ss %x ds %x es %x\n", cs, ss, ds, es);
  return guest_failed();
}
