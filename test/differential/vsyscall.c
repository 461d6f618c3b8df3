// Shows: calls into the vsyscall page give the time and the processor; what is no entry, and bad pointers, are SIGSEGV.
#include <setjmp.h>
#include <sys/time.h>

#include "../guest/guest.h"

#define PAGE 0xffffffffff600000UL

static sigjmp_buf jump;
static siginfo_t seen;
static void caught(int signo, siginfo_t* info, void* context) {
  (void)context;
  seen = *info;
  siglongjmp(jump, signo);
}

static long call(unsigned long entry, void* a, void* b) { return ((long (*)(void*, void*))(PAGE + entry))(a, b); }

static void fails(const char* name, unsigned long entry, void* a, void* b) {
  int signo = sigsetjmp(jump, 1);
  if (signo == 0) {
    long r = call(entry, a, b);
    printf("%s: %ld\n", name, r);
    return;
  }
  printf("%s: signal %d, code %d, address %p\n", name, signo, seen.si_code, seen.si_addr);
}

int main(void) {
  static char stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  struct timeval now = {0}, vsyscall = {0};
  struct timezone zone = {7, 7};
  gettimeofday(&now, NULL);
  long r = call(0, &vsyscall, &zone);
  printf("gettimeofday %ld, near %d, zone %d %d\n", r, labs(vsyscall.tv_sec - now.tv_sec) < 10, zone.tz_minuteswest, zone.tz_dsttime);
  printf("gettimeofday of nothing %ld\n", call(0, NULL, NULL));
  long when = 0;
  r = call(0x400, &when, NULL);
  printf("time near %d, stored %d, by value %d\n", labs(r - now.tv_sec) < 10, r == when, labs(call(0x400, NULL, NULL) - r) < 10);
  unsigned cpu = ~0u, node = ~0u;
  r = call(0x800, &cpu, &node);
  printf("getcpu %ld, cpu %d, node %d\n", r, cpu < 4096, node < 4096);
  fails("a fourth entry", 0xc00, NULL, NULL);
  fails("the middle of one", 0x10, NULL, NULL);
  fails("time to address 8", 0x400, (void*)8, NULL);
  fails("time to the kernel", 0x400, (void*)0xffff800000000000, NULL);
  fails("zone to the end", 0, NULL, (void*)0x7ffffffffff0);
  int signo = sigsetjmp(jump, 1);
  if (signo == 0) printf("read %d\n", *(volatile char*)PAGE);
  else printf("read: signal %d, code %d\n", signo, seen.si_code);
  signo = sigsetjmp(jump, 1);
  if (signo == 0) __asm__ volatile("mov $0x1000, %%rsp; jmp *%0" ::"r"(PAGE + 0x400) : "memory");
  else printf("without a stack: signal %d, code %d\n", signo, seen.si_code);
  return 0;
}
