// Tens of thousands of faults, single steps and identifications, from several threads at once.
// @technique T1499.004
// @weakness CWE-400
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: what is shown is that nothing but the program itself is kept busy
// @attempts 1
// @flags -pthread
#include <pthread.h>
#include <ucontext.h>

#include "../attack.h"

static volatile int steps;
static void skip(int signal, siginfo_t* info, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  (void)info;
  if (signal == SIGTRAP) {
    steps++;
    return;
  }
  r[REG_RIP] += 2;  // ud2, or the load below
}

static void* storm(void* unused) {
  for (int i = 0; i < 1500; i++) {
    __asm__ volatile("ud2");
    __asm__ volatile("movb (%%rax), %%al" ::"a"(8UL) : "memory");
    unsigned a = i, b, c = i, d;
    if (i % 8 == 0) __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (i % 8 == 0) __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop; pushfq; andl $~0x100, (%%rsp); popfq" ::: "memory", "cc");
  }
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};
  for (int s = 1; s < 32; s++)
    if (s == SIGSEGV || s == SIGILL || s == SIGTRAP) sigaction(s, &action, NULL);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CONTROL("thread", -pthread_create(&threads[i], NULL, storm, NULL));
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CONTROL("single steps", steps > 0 ? 0 : -1);
  say_stopped("storm", "handled");
  return 0;
}
