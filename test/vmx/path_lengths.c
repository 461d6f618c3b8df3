// How many instructions the smallest operations take, the kernel's and KVM's among them: in the VMX bed the time-stamp counter
// counts instructions. Prints a line of name and number for each, the least of some rounds.
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

enum { kRounds = 24, kPages = 512 };

#define LEAST(name, before, operation, times, after)              \
  do {                                                            \
    uint64_t least = UINT64_MAX;                                  \
    for (int round = 0; round < kRounds; round++) {               \
      before;                                                     \
      const uint64_t start = __rdtsc();                           \
      operation;                                                  \
      const uint64_t spent = (__rdtsc() - start) / (times);       \
      after;                                                      \
      if (spent < least) least = spent;                           \
    }                                                             \
    printf("%s %lu\n", name, least);                              \
  } while (0)

static volatile char* pages(void) {
  return mmap(NULL, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void touch(volatile char* memory, int count) {
  for (int i = 0; i < count; i++) memory[i * 4096] = 1;
}
static void map_64k(void) {
  volatile char* memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  touch(memory, 16);
  munmap((void*)memory, 65536);
}
static void fork_once(void) {
  if (fork() == 0) _exit(0);
  wait(NULL);
}

int main(void) {
  volatile char* memory;
  LEAST("getppid", , for (int i = 0; i < 50; i++) syscall(SYS_getppid), 50, );
  LEAST("getpid", , for (int i = 0; i < 50; i++) getpid(), 50, );
  LEAST("fresh_page", memory = pages(), touch(memory, kPages), kPages, munmap((void*)memory, kPages * 4096));
  LEAST("mmap_touch_munmap_64k", , map_64k(), 1, );
  LEAST("fork_exit_wait", , fork_once(), 1, );
  return 0;
}
