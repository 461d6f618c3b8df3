// Instructions for ring 0: control, debug and model-specific registers, descriptor tables, halting, ports.
// @technique T1068
// @weakness CWE-266
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: a native program is in ring 3 as well, so that the kernel's own page and descriptor tables stop it there
// @attempts 34
#include "../attack.h"

#define PRIVILEGED(name, ...) MUST_FAULT(name, __asm__ volatile(__VA_ARGS__))

int main(void) {
  static unsigned long value;
  static struct __attribute__((packed)) {
    unsigned short limit;
    unsigned long base;
  } table = {0xffff, 0};
  PRIVILEGED("hlt", "hlt");
  PRIVILEGED("cli", "cli");
  PRIVILEGED("sti", "sti");
  PRIVILEGED("clts", "clts");
  PRIVILEGED("invd", "invd");
  PRIVILEGED("wbinvd", "wbinvd");
  PRIVILEGED("invlpg", "invlpg (%0)" ::"r"(&value));
  PRIVILEGED("swapgs", "swapgs");
  PRIVILEGED("sysretq", "sysretq" ::"c"(0x1000), "r"(0));
  PRIVILEGED("iretq to ring 0",
             "mov %%ss, %%rax; push %%rax; push %%rsp; pushfq; push $0x10; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:" ::
                 : "rax", "memory");
  PRIVILEGED("read cr0", "mov %%cr0, %%rax" ::: "rax");
  PRIVILEGED("write cr0", "mov %0, %%cr0" ::"r"(0x80050033UL));
  PRIVILEGED("read cr3", "mov %%cr3, %%rax" ::: "rax");
  PRIVILEGED("write cr3", "mov %0, %%cr3" ::"r"(0UL));
  PRIVILEGED("write cr4", "mov %0, %%cr4" ::"r"(0UL));
  PRIVILEGED("write cr8", "mov %0, %%cr8" ::"r"(0UL));
  PRIVILEGED("write dr0", "mov %0, %%dr0" ::"r"(&value));
  PRIVILEGED("write dr7", "mov %0, %%dr7" ::"r"(0x1UL));
  PRIVILEGED("read efer", "rdmsr" : : "c"(0xc0000080) : "rax", "rdx");
  PRIVILEGED("write lstar", "wrmsr" : : "c"(0xc0000082), "a"(0x1000), "d"(0));
  PRIVILEGED("write fs base by msr", "wrmsr" : : "c"(0xc0000100), "a"(0), "d"(0));
  PRIVILEGED("read apic base", "rdmsr" : : "c"(0x1b) : "rax", "rdx");
  PRIVILEGED("write kvm clock msr", "wrmsr" : : "c"(0x4b564d01), "a"((unsigned)(uintptr_t)&value | 1), "d"(0));
  PRIVILEGED("write kvm steal time msr", "wrmsr" : : "c"(0x4b564d03), "a"(1), "d"(0));
  PRIVILEGED("write hyper-v hypercall msr", "wrmsr" : : "c"(0x40000001), "a"(1), "d"(0));
  PRIVILEGED("lgdt", "lgdt %0" ::"m"(table));
  PRIVILEGED("lidt", "lidt %0" ::"m"(table));
  PRIVILEGED("lldt", "lldt %w0" ::"r"(0x28));
  PRIVILEGED("ltr", "ltr %w0" ::"r"(0x40));
  PRIVILEGED("lmsw", "lmsw %w0" ::"r"(0));
  PRIVILEGED("xsetbv", "xsetbv" : : "c"(0), "a"(1), "d"(0));
  PRIVILEGED("far jump to ring 0", "rex.W ljmp *%0" ::"m"(*(struct __attribute__((packed)) {
               unsigned long offset;
               unsigned short selector;
             }*)&(struct __attribute__((packed)) {
               unsigned long offset;
               unsigned short selector;
             }){0x1000, 0x10}));
  PRIVILEGED("load a ring-0 stack segment", "mov %w0, %%ss" ::"r"(0x18));
  PRIVILEGED("in", "in $0x60, %%al" ::: "al");
  PRIVILEGED("out to the gate's port of faults", "outb %%al, $0x11" ::"a"(0));
  PRIVILEGED("outs", "rep outsb" ::"S"(&value), "c"(8), "d"(0x3f8));
  PRIVILEGED("int 0x20", "int $0x20");
  PRIVILEGED("int 14", "int $14");
  return 0;
}
