// Shows: instructions that user mode must not or cannot do raise the same signal and si_code as on Linux; nothing leaks in or out.
#include "guest.h"

#define INSTRUCTION(name, text) {name, text, sizeof text - 1}
static const struct {
  const char* name;
  const char* code;
  size_t length;
} instructions[] = {
    INSTRUCTION("ud2", "\x0f\x0b"),
    INSTRUCTION("int3", "\xcc"),
    INSTRUCTION("int 3 (two bytes)", "\xcd\x03"),
    INSTRUCTION("int1", "\xf1"),
    INSTRUCTION("int 0", "\xcd\x00"),
    INSTRUCTION("int 4", "\xcd\x04"),
    INSTRUCTION("int 13", "\xcd\x0d"),
    INSTRUCTION("int 14", "\xcd\x0e"),
    INSTRUCTION("int 0x20", "\xcd\x20"),
    INSTRUCTION("int 0xff", "\xcd\xff"),
    INSTRUCTION("div by zero", "\x31\xc9\xf7\xf1"),
    INSTRUCTION("hlt", "\xf4"),
    INSTRUCTION("cli", "\xfa"),
    INSTRUCTION("sti", "\xfb"),
    INSTRUCTION("in %al", "\xe4\x10"),
    INSTRUCTION("in (%dx)", "\xec"),
    INSTRUCTION("out %al, syscall port", "\xe6\x10"),
    INSTRUCTION("out %al, exception port", "\xe6\x11"),
    INSTRUCTION("out %al, self-test port", "\xe6\x12"),
    INSTRUCTION("out (%dx)", "\xef"),
    INSTRUCTION("insb", "\x6c"),
    INSTRUCTION("outsb", "\x6e"),
    INSTRUCTION("rdmsr", "\x0f\x32"),
    INSTRUCTION("wrmsr", "\x0f\x30"),
    INSTRUCTION("mov cr0", "\x0f\x20\xc0"),
    INSTRUCTION("mov to cr3", "\x0f\x22\xd8"),
    INSTRUCTION("mov dr7", "\x0f\x21\xf8"),
    INSTRUCTION("lgdt", "\x0f\x01\x14\x24"),
    INSTRUCTION("lidt", "\x0f\x01\x1c\x24"),
    INSTRUCTION("lldt", "\x0f\x00\xd0"),
    INSTRUCTION("ltr", "\x0f\x00\xd8"),
    INSTRUCTION("clts", "\x0f\x06"),
    INSTRUCTION("invlpg", "\x0f\x01\x3c\x24"),
    INSTRUCTION("wbinvd", "\x0f\x09"),
    INSTRUCTION("swapgs", "\x0f\x01\xf8"),
    INSTRUCTION("sysret", "\x48\x0f\x07"),
    INSTRUCTION("iret to kernel", "\x6a\x18\x54\x9c\x6a\x10\x50\x48\xcf"),
    INSTRUCTION("xsetbv", "\x31\xc9\x0f\x01\xd1"),
    INSTRUCTION("mov to ss, null", "\x31\xc0\x8e\xd0"),
    INSTRUCTION("mov to ds, kernel data", "\xb8\x18\x00\x00\x00\x8e\xd8"),
    INSTRUCTION("mov to ds, bad selector", "\xb8\xf0\xff\x00\x00\x8e\xd8"),
    INSTRUCTION("far jump to kernel", "\x48\xff\x2c\x24"),
    INSTRUCTION("undefined opcode", "\x06"),
    INSTRUCTION("lock nop", "\xf0\x90"),
    INSTRUCTION("too long", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
    INSTRUCTION("rsm", "\x0f\xaa"),
    INSTRUCTION("load of %rax, not canonical", "\x48\xb8\x00\x00\x00\x00\x00\x00\x00\x10\x48\x8b\x00"),
    INSTRUCTION("load of kernel memory", "\x48\xc7\xc0\x00\x00\x00\x81\x48\x8b\x00"),
    INSTRUCTION("jump to kernel memory", "\x48\xc7\xc0\x00\x00\x00\x81\xff\xe0"),
    INSTRUCTION("jump, not canonical", "\x48\xb8\x00\x00\x00\x00\x00\x00\x00\x10\xff\xe0"),
    INSTRUCTION("return, not canonical", "\x48\xb8\x00\x00\x00\x00\x00\x00\x00\x10\x50\xc3"),
    INSTRUCTION("stack not canonical", "\x48\xbc\x00\x00\x00\x00\x00\x00\x00\x10\x50"),
    INSTRUCTION("single step flag", "\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d\x90\x90"),
    INSTRUCTION("alignment check", "\x9c\x81\x0c\x24\x00\x00\x04\x00\x9d\x48\x8b\x44\x24\x01"),
};

static char* code;
static volatile int child_mode;
static char alternate[65536];
static void handler(int signo, siginfo_t* info, void* context UNUSED) {
  long at = (char*)info->si_addr - code;
  if (at < -1 || at > 64) at = info->si_addr ? 999 : -999;
  printf("SIG%s code %d at %ld\n", sigabbrev_np(signo), info->si_code, at);
  _exit(1);
}

int main(void) {
  code = MUST((char*)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (unsigned i = 0; i < sizeof instructions / sizeof *instructions; i++) {
    for (child_mode = 0; child_mode < 2; child_mode++) {
      printf("%s: ", instructions[i].name);
      fflush(stdout);
      pid_t child = MUST(fork());
      if (!child) {
        if (child_mode) {
          stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
          sigaltstack(&stack, NULL);
          struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
          action.sa_sigaction = handler;
          int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
          for (unsigned s = 0; s < 5; s++) sigaction(signals[s], &action, NULL);
        }
        memset(code, 0x90, 4096);
        memcpy(code, instructions[i].code, instructions[i].length);
        memcpy(code + instructions[i].length + 2, "\xb8\xe7\x00\x00\x00\xbf\x07\x00\x00\x00\x0f\x05", 12);  // exit_group(7)
        ((void (*)(long, long, long))code)(0, 0, 0);
        _exit(8);
      }
      reap("", child);
    }
  }
  return 0;
}
