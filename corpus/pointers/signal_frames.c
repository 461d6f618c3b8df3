// Returns from signals with frames that no kernel made: ring 0, monitor addresses, foreign floating-point state.
// @technique T1068
// @weakness CWE-20
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: a native kernel checks such frames as well
// @attempts 10
// @reads maps
#include <ucontext.h>

#include "../attack.h"

static int kind;
static uintptr_t monitor_address;

static void handler(int signal, siginfo_t* info, void* context) {
  ucontext_t* u = context;
  greg_t* r = u->uc_mcontext.gregs;
  (void)signal, (void)info;
  switch (kind) {
    case 0: r[REG_RIP] = 0x8000000000000000; break;
    case 1: r[REG_RIP] = monitor_address; break;
    case 2: r[REG_RIP] = SYSTEM_VA; r[REG_RSP] = SYSTEM_VA; break;
    case 3: r[REG_CSGSFS] = (r[REG_CSGSFS] & ~0xffffLL) | 0x10; break;
    case 4: r[REG_CSGSFS] = (r[REG_CSGSFS] & 0xffffffffffffLL) | 0x18LL << 48; break;
    case 5: r[REG_RSP] = monitor_address; break;
    case 6: u->uc_mcontext.fpregs = (void*)monitor_address; break;
    case 7: memset(u->uc_mcontext.fpregs, 0xff, 512); break;
    case 8: u->uc_mcontext.fpregs = (void*)-64L; break;
    case 9: r[REG_EFL] |= 0x3000 | 1 << 17 | 1 << 14; break;
  }
}

int main(void) {
  static Mapping maps[512];
  static const char* names[] = {"non-canonical-rip", "monitor-rip", "system-rip", "ring-0-cs", "ring-0-ss", "monitor-rsp",
                                "monitor-fpstate", "reserved-fpstate", "wrapping-fpstate", "io-privilege"};
  int count = read_mappings(maps, 512);
  for (int i = 0; i < count; i++)
    if (maps[i].start >= ARENA_END) monitor_address = maps[i].start;
  CONTROL("a monitor address", monitor_address ? 0 : -1);
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  for (kind = 0; kind < 10; kind++) {
    IN_CHILD(names[kind], {
      signal(SIGSEGV, SIG_DFL);
      // With a stack pointer of the monitor's, the next push says whether it got there.
      raise(SIGUSR1);
      // What is only then forbidden tells whether the frame gave a right.
      if (kind == 9 || kind == 3 || kind == 4) __asm__ volatile("cli");
      if (kind == 7) _exit(1);
      __asm__ volatile("push %%rax; pop %%rax" ::: "memory");
    });
  }
  return 0;
}
