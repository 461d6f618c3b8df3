// Shows: what siginfo and ucontext say of each processor exception, and that a handler can repair and go on.
// run: both
#include "guest.h"
#include <sys/ucontext.h>

static volatile char* page;
static volatile int repairs;

static void repair(int signo UNUSED, siginfo_t* info, void* context) {
  ucontext_t* uc = context;
  greg_t* r = uc->uc_mcontext.gregs;
  printf("repair: code %d offset %ld trap %lld err %llx cr2 %d cs %llx\n", info->si_code,
         (long)((char*)info->si_addr - (char*)page), r[REG_TRAPNO], r[REG_ERR], (void*)r[REG_CR2] == info->si_addr,
         r[REG_CSGSFS] & 0xffff);
  repairs++;
  mprotect((void*)page, 4096, PROT_READ | PROT_WRITE);
}

// The handler skips the faulting instruction by its length, kept in rbx.
static void skip(int signo, siginfo_t* info, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  printf("%s code %d trap %lld err %llx at_rip %d\n", sigabbrev_np(signo), info->si_code, r[REG_TRAPNO], r[REG_ERR],
         info->si_addr == (void*)r[REG_RIP]);
  r[REG_RIP] += r[REG_RBX];
  r[REG_RCX] = 0x1122334455667788;
  r[REG_R11] = 0x99;
}

int main(void) {
  page = (volatile char*)mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page[100] == 0);  // there now, so that the write is refused and not missing
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = repair;
  MUST(sigaction(SIGSEGV, &action, NULL));
  page[100] = 42;
  CHECK(page[100] == 42 && repairs == 1);
  mprotect((void*)page, 4096, PROT_NONE);
  CHECK(page[100] == 42 && repairs == 2);
  mprotect((void*)page, 4096, PROT_READ);
  page[4000] += 1;
  CHECK(repairs == 3);

  action.sa_sigaction = skip;
  int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (unsigned i = 0; i < 5; i++) MUST(sigaction(signals[i], &action, NULL));
  long rcx = 0, r11 = 0;
#define FAULT(name, size, code)                                                                                   \
  printf("%s: ", name);                                                                                           \
  asm volatile("mov %2, %%rbx; " code "; mov %%rcx, %0; mov %%r11, %1"                                            \
               : "=m"(rcx), "=m"(r11)                                                                             \
               : "i"(size)                                                                                        \
               : "rax", "rbx", "rcx", "rdx", "r11", "memory");                                                    \
  printf("   rcx %lx r11 %lx\n", rcx, r11)
  FAULT("ud2", 2, "ud2");
  FAULT("div", 2, "xor %%eax, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx");
  FAULT("idiv overflow", 2, "mov $0x80000000, %%eax; cltd; mov $-1, %%ecx; idiv %%ecx");
  FAULT("hlt", 1, "hlt");
  FAULT("cli", 1, "cli");
  FAULT("int3", 0, "int3");
  FAULT("noncanonical", 2, "movabs $0x8000000000000000, %%rax; movb (%%rax), %%al");
  FAULT("null", 2, "xor %%eax, %%eax; movb (%%rax), %%al");
  FAULT("kernel", 2, "movabs $0xffffffff81000000, %%rax; movb (%%rax), %%al");
  FAULT("privileged mov", 3, "mov %%cr0, %%rax");
  FAULT("wrmsr", 2, "wrmsr");
  FAULT("lgdt", 8, "lgdt 0x10");
  FAULT("in", 1, "mov $0x10, %%edx; in (%%dx), %%al");
  FAULT("out", 2, "out %%al, $0x10");

  // SSE and x87 exceptions, unmasked.
  unsigned mxcsr = 0x1f80 & ~(1u << 9);
  double one = 1, zero = 0;
  printf("divsd: ");
  asm volatile("mov $4, %%rbx; ldmxcsr %0; movsd %1, %%xmm0; movsd %2, %%xmm1; divsd %%xmm1, %%xmm0"
               :
               : "m"(mxcsr), "m"(one), "m"(zero)
               : "rbx", "rcx", "r11", "xmm0", "xmm1");
  mxcsr = 0x1f80;
  asm volatile("ldmxcsr %0" : : "m"(mxcsr));
  // After an invalid memory access only trap, error and cr2 of the last fault remain visible.
  char* last = (char*)page + 4096;
  munmap(last, 4096);
  printf("execute data: ");
  fflush(stdout);
  pid_t pid = MUST(fork());
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);
    ((void (*)(void))page)();
    _exit(0);
  }
  reap("status", pid);
  trap_install();
  TRAP("jump to data", page, ((void (*)(void))page)());
  TRAP("jump to hole", last, ((void (*)(void))last)());
  TRAP("jump to kernel", 0, ((void (*)(void))0xffffffff81000000)());
  TRAP("jump to noncanonical", 0, ((void (*)(void))0x800000000000)());
  TRAP("abort int 4", 0, asm volatile("int $4"));
  return guest_failed();
}
