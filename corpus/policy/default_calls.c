// Under the usual policy: calls of debuggers, administrators and tuners, which no usual program makes.
// @technique T1106
// @weakness CWE-272
// @stopped-by policy
// @options {"policy":"default","isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @control-done shmget,mq_open,msgget,semget
// @permits-compat shmget, msgget, semget, process_vm_readv
// @attempts 8
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/personality.h>
#include <sys/xattr.h>

#include "../attack.h"

int main(void) {
  int id = shmget(IPC_PRIVATE, 4096, 0600);
  ATTEMPT("shmget", id);
  if (id >= 0) shmctl(id, IPC_RMID, NULL);
  id = msgget(IPC_PRIVATE, 0600);
  ATTEMPT("msgget", id);
  if (id >= 0) msgctl(id, IPC_RMID, NULL);
  id = semget(IPC_PRIVATE, 1, 0600);
  ATTEMPT("semget", id);
  if (id >= 0) semctl(id, 0, IPC_RMID);
  ATTEMPT("mq_open", mq_open("/barchan-attack", O_RDWR | O_CREAT, 0600, NULL));
  mq_unlink("/barchan-attack");
  ATTEMPT("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
  ATTEMPT("process_vm_readv", process_vm_readv(getppid(), NULL, 0, NULL, 0, 0));
  ATTEMPT("unshare", syscall(SYS_unshare, 0x10000000));
  ATTEMPT("mount", syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL));
  ATTEMPT("bpf", syscall(SYS_bpf, 0, NULL, 0));
  ATTEMPT("perf_event_open", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
  ATTEMPT("userfaultfd", syscall(SYS_userfaultfd, 1));
  ATTEMPT("io_uring_setup", syscall(SYS_io_uring_setup, 8, (char[256]){0}));
  ATTEMPT("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  return 0;
}
