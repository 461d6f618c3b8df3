// Instructions of a hypervisor: to start, enter or leave virtual machines, and calls to the one underneath.
// @technique T1497
// @weakness CWE-266
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: a native program is in ring 3 as well
// @attempts 14
#include "../attack.h"

#define TRY(name, ...) MUST_FAULT(name, __asm__ volatile(__VA_ARGS__))

// A hypercall that is refused returns a negative number in place of a fault (KVM: -KVM_EPERM from ring 3).
static void hypercall(const char* name, int intel, unsigned long number) {
  attack_catch();
  int signal = sigsetjmp(attack_jump, 1);
  if (signal) {
    say_stopped(name, signal == SIGILL ? "SIGILL" : "SIGSEGV");
    return;
  }
  long result = number;
  if (intel)
    __asm__ volatile("vmcall" : "+a"(result) : "b"(0x1000UL), "c"(0UL), "d"(0UL), "S"(0UL) : "memory");
  else
    __asm__ volatile("vmmcall" : "+a"(result) : "b"(0x1000UL), "c"(0UL), "d"(0UL), "S"(0UL) : "memory");
  MUST_NOT(name, result >= 0, "refused");
}

int main(void) {
  static unsigned long region[512] __attribute__((aligned(4096)));
  TRY("vmxon", "vmxon %0" ::"m"(region));
  TRY("vmlaunch", "vmlaunch");
  TRY("vmresume", "vmresume");
  TRY("vmptrld", "vmptrld %0" ::"m"(region));
  TRY("vmread", "vmread %%rax, %%rbx" ::: "rax", "rbx");
  TRY("vmwrite", "vmwrite %%rax, %%rbx" ::: "rax", "rbx");
  TRY("vmrun", "vmrun" ::"a"(region));
  TRY("vmload", "vmload" ::"a"(region));
  TRY("vmsave", "vmsave" ::"a"(region));
  TRY("stgi", "stgi");
  TRY("clgi", "clgi");
  TRY("invlpga", "invlpga" ::"a"(region), "c"(0));
  TRY("invept", "invept %0, %%rax" ::"m"(region) : "rax");
  TRY("rsm", "rsm");
  for (int number = 0; number < 14; number++) {
    hypercall("vmcall", 1, number);
    hypercall("vmmcall", 0, number);
  }
  return 0;
}
