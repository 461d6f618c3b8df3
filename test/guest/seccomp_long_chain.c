// Shows: the limit on a chain of seccomp filters, and a long chain handed over exec.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "guest.h"

static struct sock_filter filter[BPF_MAXINSNS];

static long install(unsigned short length, int number, int error) {
  filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (int i = 1; i < length - 3; i++) filter[i] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 0);
  filter[length - 3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
  filter[length - 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  filter[length - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {length, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int main(int argc, char** argv UNUSED) {
  if (argc == 1) {
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(install(BPF_MAXINSNS, SYS_getppid, EXDEV));
    SHOW(install(10, SYS_getuid, ENOANO));
    for (int i = 0; i < 8; i++) SHOW(install(BPF_MAXINSNS, SYS_getgid, EL2HLT));
    SHOW(install(4, SYS_getgid, EBADE));
    execl("/proc/self/exe", "seccomp_long_chain", "again", NULL);
    return 9;
  }
  CHECK(syscall(SYS_getppid) == -1 && errno == EXDEV);
  CHECK(syscall(SYS_getuid) == -1 && errno == ENOANO);
  CHECK(syscall(SYS_getgid) == -1 && errno == EBADE);
  for (int i = 0; i < 3; i++) SHOW(install(BPF_MAXINSNS, SYS_getegid, EL2HLT));
  return guest_failed();
}
