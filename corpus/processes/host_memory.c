// Takes over a process of the host that is none of its own: traces it, reads its memory, takes its descriptors.
// @technique T1055.008
// @weakness CWE-284
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done take a descriptor,open its memory
// @attempts 6
#include <sys/ptrace.h>

#include "../attack.h"

int main(void) {
  int victim = told_number("ATTACK_VICTIM"), native = getenv("ATTACK_NATIVE") != NULL;
  char got[16], path[64];
  struct iovec mine = {got, sizeof got}, theirs = {(void*)0x1000, sizeof got};
  ATTEMPT("attach", native ? -1 : ptrace(PTRACE_ATTACH, victim, NULL, NULL));
  ATTEMPT("seize", native ? -1 : ptrace(PTRACE_SEIZE, victim, NULL, NULL));
  ATTEMPT("read memory", process_vm_readv(victim, &mine, 1, &theirs, 1, 0));
  ATTEMPT("take a descriptor", syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, victim, 0), 0, 0));
  snprintf(path, sizeof path, "/proc/%d/mem", victim);
  ATTEMPT("open its memory", open(path, O_RDWR));
  snprintf(path, sizeof path, "/proc/%s/mem", told("ATTACK_NODE"));
  ATTEMPT("open the memory of Node.js", native ? -1 : open(path, O_RDWR));
  return 0;
}
