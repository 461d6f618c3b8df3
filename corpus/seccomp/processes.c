// A monitor that was taken over reaches into other processes: traces them, reads and writes their memory, takes their descriptors.
// @technique T1055.008
// @weakness CWE-284
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @permits-compat kcmp, process_madvise, migrate_pages
// @attempts 7
#include "../attack.h"

int main(void) {
  TAKEN_OVER("ptrace", SYS_ptrace, 0);
  TAKEN_OVER("process_vm_readv", SYS_process_vm_readv, 1);
  TAKEN_OVER("process_vm_writev", SYS_process_vm_writev, 1);
  TAKEN_OVER("pidfd_getfd", SYS_pidfd_getfd, -1);
  TAKEN_OVER("kcmp", SYS_kcmp, 1, 1, 2);
  TAKEN_OVER("process_madvise", SYS_process_madvise, -1);
  TAKEN_OVER("migrate_pages", SYS_migrate_pages, 0);
  return 0;
}
