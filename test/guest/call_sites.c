// Code that makes system calls stays what it is to whoever steps through it, jumps into it, moves it, overwrites it or
// takes the places near it.
// run: both ; timeout 60s
#include <sys/mman.h>
#include <ucontext.h>

#include "guest.h"

// long by_number(long skip, long nr): `mov $39,%eax; syscall` (getpid), or with `skip` straight to the SYSCALL with another number.
asm(".text\n.balign 64\n.globl by_number, by_number_call, by_number_end\n"
    "by_number: testq %rdi,%rdi\n jnz 1f\n movl $39,%eax\n"
    "by_number_call: syscall\n ret\n"
    "1: movq %rsi,%rax\n jmp by_number_call\n"
    "by_number_end: nop\n");
long by_number(long skip, long nr);
extern char by_number_call[], by_number_end[];

// long by_xor(int fd, char *byte, long size, long skip, long nr, long *flags): the same with `xor %eax,%eax` (read).
asm(".text\n.balign 64\n.globl by_xor, by_xor_call, by_xor_end\n"
    "by_xor: testq %rcx,%rcx\n jnz 1f\n xorl %eax,%eax\n"
    "by_xor_call: syscall\n"
    "movq $0,(%r9)\n pushfq\n popq %rcx\n movq %rcx,(%r9)\n ret\n"
    "1: movq %r8,%rax\n jmp by_xor_call\n"
    "by_xor_end: nop\n");
long by_xor(int fd, char* byte, long size, long skip, long nr, long* flags);
extern char by_xor_call[], by_xor_end[];

static volatile int steps, elsewhere, at_call;

static void on_step(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  char *rip = (char *)u->uc_mcontext.gregs[REG_RIP];
  steps++;
  if (rip == by_number_call && u->uc_mcontext.gregs[REG_RAX] == 39) at_call++;
  if (rip < (char *)by_number || rip >= by_number_end) {
    elsewhere++;
    u->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
  }
}

static void warm(void) {
  for (int i = 0; i < 3000; i++) by_number(0, 0);
  for (int i = 0; i < 3000; i++) getpid(), getppid();
}

static long flags_after(long before) {
  long after;
  asm volatile("pushq %1\n popfq\n movl $39,%%eax\n syscall\n pushfq\n popq %0"
               : "=r"(after) : "r"(before) : "rax", "rcx", "r11", "cc", "memory");
  asm volatile("cld");
  return after & 0xcd5;
}

int main(void) {
  pid_t self = getpid(), parent = getppid();
  warm();
  printf("%d %d\n", by_number(0, 0) == self, by_number(1, SYS_getppid) == parent);

  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  asm volatile("pushfq\n orq $0x100,(%%rsp)\n xorl %%edi,%%edi\n leaq by_number(%%rip),%%rdx\n popfq\n call *%%rdx\n nop"
               ::: "rax", "rcx", "rdx", "rdi", "r11", "memory", "cc");
  printf("steps %d, at the call %d, elsewhere %d\n", steps, at_call, elsewhere);

  int wrong = 0, zero = open("/dev/zero", O_RDONLY);
  for (int i = 0; i < 3000; i++) {
    char byte = 1;
    long flags = 0;
    wrong += by_xor(zero, &byte, 1, 0, 0, &flags) != 1 || byte != 0 || (flags & 0x8d5) != 0x44;
    wrong += by_xor(zero, &byte, 1, 1, SYS_getppid, &flags) != parent;
  }
  printf("xor wrong: %d\n", wrong);
  for (int i = 0; i < 3000; i++) wrong += flags_after(0x202 | 0x8d5) != 0x8d5 || flags_after(0x202) != 0 || flags_after(0x602) != 0x400;
  printf("flags wrong: %d\n", wrong);

  // Registers but RAX, RCX and R11 stay.
  for (int i = 0; i < 3000; i++) {
    register long r8 asm("r8") = 8, r9 asm("r9") = 9, r10 asm("r10") = 10;
    long rax, rdx = 3, rsi = 4, rdi = 5, rbx = 6;
    asm volatile("movl $39,%%eax\n syscall" : "=a"(rax), "+d"(rdx), "+S"(rsi), "+D"(rdi), "+b"(rbx), "+r"(r8), "+r"(r9), "+r"(r10)
                 :: "rcx", "r11", "memory");
    wrong += rax != self || rdx != 3 || rsi != 4 || rdi != 5 || rbx != 6 || r8 != 8 || r9 != 9 || r10 != 10;
  }
  // The red zone stays.
  for (int i = 0; i < 3000; i++) {
    long found;
    asm volatile("movq $77,-8(%%rsp)\n movq $78,-128(%%rsp)\n movl $110,%%eax\n syscall\n movq -8(%%rsp),%0\n addq -128(%%rsp),%0"
                 : "=r"(found) :: "rax", "rcx", "r11", "memory");
    wrong += found != 155;
  }
  printf("registers wrong: %d\n", wrong);

  // Code that becomes writable is as the compiler left it.
  static const unsigned char original[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05};
  char *page = (char *)((unsigned long)by_number & -4096L);
  warm();
  mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
  printf("as written: %d\n", memcmp(by_number_call - 5, original, sizeof original) == 0);
  by_number_call[-4] = 110;
  mprotect(page, 8192, PROT_READ | PROT_EXEC);
  warm();
  printf("as changed: %d\n", by_number(0, 0) == parent);
  mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
  by_number_call[-4] = 39;
  mprotect(page, 8192, PROT_READ | PROT_EXEC);
  warm();

  // A second copy of this program's code, moved while it is in use.
  int exe = open("/proc/self/exe", O_RDONLY);
  unsigned long offset = 0, start, end, at;
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &at) == 3 && (unsigned long)page >= start && (unsigned long)page < end)
      offset = (unsigned long)page - start + at;
  fclose(maps);
  char *copy = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, exe, offset);
  long (*call)(long, long) = (long (*)(long, long))(copy + ((char *)by_number - page));
  for (int i = 0; i < 3000; i++) wrong += call(0, 0) != self;
  char *far = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *moved = mremap(copy, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, far);
  call = (long (*)(long, long))(moved + ((char *)by_number - page));
  for (int i = 0; i < 3000; i++) wrong += call(0, 0) != self;
  printf("copies wrong: %d\n", wrong);

  // Whatever is free near the code may be taken.
  unsigned long stack = (unsigned long)&line & -4096L, top = 0;
  maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx", &start, &end) == 2 && end < stack - (64ul << 20) && end > top && start < stack) top = end;
  fclose(maps);
  if (top) mmap((void *)top, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
  unsigned long low = (unsigned long)page & -(1ul << 20);
  for (unsigned long a = low - (1 << 20); a < low; a += 4096)
    mmap((void *)a, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  warm();
  printf("%d %d\n", by_number(0, 0) == self, getpid() == self);

  // In children.
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    self = getpid();
    warm();
    _exit(by_number(0, 0) == self && getppid() != self ? 7 : 8);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child %d\n", WEXITSTATUS(status));
  return 0;
}
