// Shows: single steps by TF go on until the program ends them: over plain instructions, a system call, a handler, a fault.
// run: both
#include <sys/resource.h>
#include <sys/ucontext.h>

#include "guest.h"

#define SET_TF "pushfq; orq $0x100, (%%rsp); popfq;"
#define CLEAR_TF "pushfq; andq $~0x100, (%%rsp); popfq;"
#define READ_FLAGS(to) "pushfq; popq " to ";"

enum { kTf = 0x100 };

static volatile int steps, in_handler, in_context, codes;
static unsigned long last_rip;
static volatile int moved;

static unsigned long flags_now(void) {
  unsigned long flags;
  asm volatile(READ_FLAGS("%0") : "=r"(flags)::"memory");
  return flags;
}

static void step(int signo UNUSED, siginfo_t* info, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  in_handler += (flags_now() & kTf) != 0;
  in_context += (r[REG_EFL] & kTf) != 0;
  codes += info->si_code == TRAP_TRACE && info->si_addr == (void*)r[REG_RIP];
  moved += last_rip != (unsigned long)r[REG_RIP];
  last_rip = (unsigned long)r[REG_RIP];
  steps++;
  // INT1 is a trap, but some nested processors leave RIP on it, natively as well.
  if (!(r[REG_EFL] & kTf) && *(unsigned char*)r[REG_RIP] == 0xf1) r[REG_RIP]++;
}

// Ends the stepping from the handler, as a debugger in the process does.
static void stop_after_five(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  if (++steps == 5) r[REG_EFL] &= ~kTf;
}

static void report(const char* what, unsigned long flags) {
  printf("%s: %d steps, %d with TF in the context, %d in the handler, %d codes, %d moves; TF %d\n", what, steps,
         in_context, in_handler, codes, moved, (flags & kTf) != 0);
  steps = in_handler = in_context = codes = moved = 0;
}

static void skip_ud2(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  greg_t* r = ((ucontext_t*)context)->uc_mcontext.gregs;
  printf("fault with TF %d, handler %d\n", (r[REG_EFL] & kTf) != 0, (flags_now() & kTf) != 0);
  r[REG_RIP] += 2;
}

int main(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = step};
  MUST(sigaction(SIGTRAP, &action, NULL));
  unsigned long flags;
  asm volatile(SET_TF "nop; nop; nop;" READ_FLAGS("%0") CLEAR_TF : "=r"(flags)::"memory", "cc");
  report("nops", flags);

  long result = SYS_getppid;
  asm volatile(SET_TF "nop; syscall; nop;" READ_FLAGS("%0") CLEAR_TF
               : "=&r"(flags), "+a"(result)::"memory", "cc", "rcx", "r11");
  report("getppid", flags);
  CHECK(result == getppid());

  // A handler for another signal runs without TF and returns to stepping.
  action.sa_sigaction = skip_ud2;
  MUST(sigaction(SIGILL, &action, NULL));
  asm volatile(SET_TF "nop; ud2; nop;" READ_FLAGS("%0") CLEAR_TF : "=r"(flags)::"memory", "cc");
  report("ud2", flags);

  action.sa_sigaction = stop_after_five;
  MUST(sigaction(SIGTRAP, &action, NULL));
  asm volatile(SET_TF "nop; nop; nop; nop; nop; nop; nop; nop;" READ_FLAGS("%0") : "=r"(flags)::"memory", "cc");
  report("stopped", flags);

  // INT1 is a breakpoint.
  action.sa_sigaction = step;
  MUST(sigaction(SIGTRAP, &action, NULL));
  steps = codes = 0;
  asm volatile(".byte 0xf1" ::: "memory");
  report("int1", 0);

  // The default action, in a child.
  pid_t child = MUST(fork());
  if (!child) {
    signal(SIGTRAP, SIG_DFL);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    asm volatile(SET_TF "nop; nop;" ::: "memory", "cc");
    _exit(3);
  }
  reap("child", child);
  return guest_failed();
}
