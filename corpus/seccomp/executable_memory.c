// A monitor that was taken over makes code of its own for itself: by mapping, by protection, by a file in memory.
// @technique T1055
// @weakness CWE-119
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 4
#include "../attack.h"

int main(void) {
  TAKEN_OVER("mmap, executable", SYS_mmap, 0, 4096, 7, 0x22, -1);
  TAKEN_OVER("mprotect, executable", SYS_mprotect, 0, 4096, 5);
  TAKEN_OVER("pkey_mprotect", SYS_pkey_mprotect, 0, 4096, 5, -1);
  TAKEN_OVER("execve", SYS_execve, (long)"/nowhere", 0);
  return 0;
}
