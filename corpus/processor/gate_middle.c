// Jumps into the gate's page at every tenth byte, past its checks, with registers of its own choice.
// @technique T1055
// @weakness CWE-691
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: natively there is nothing at these addresses
// @attempts 1
// @timeout 60
#include "../attack.h"

int main(void) {
  int survived = 0, ended = 0;
  for (uintptr_t at = SYSTEM_VA; at < SYSTEM_VA + 0x1000; at += 10) {
    pid_t child = fork();
    if (child == 0) {
      struct rlimit second = {1, 1};
      setrlimit(RLIMIT_CPU, &second);
      alarm(1);
      // exit(3), wherever the gate takes it for a call.
      __asm__ volatile("mov $60, %%eax; mov $3, %%edi; jmp *%0" ::"r"(at) : "memory", "rax", "rdi", "rcx", "r11");
      _exit(0);
    }
    int status;
    if (waitpid(child, &status, 0) != child) break;
    // Its own end, by a fault or by the call that it asked for; 125 would be the monitor's.
    ended++;
    survived += !(WIFSIGNALED(status) || WEXITSTATUS(status) == 3);
  }
  CONTROL("all jumps ended", ended == 410 ? 0 : -1);
  MUST_NOT("harm", survived, "SIGSEGV");
  return 0;
}
