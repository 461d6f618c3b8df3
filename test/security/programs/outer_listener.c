// Runs a command under a seccomp filter that allows everything and has a listener, as the parts of some container engines do:
// the kernel then gives no further listener to anybody below (EBUSY).
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  struct sock_fprog program = {1, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) return perror("seccomp"), 1;
  fcntl(listener, F_SETFD, 0);  // it lives as long as the command
  execvp(argv[1], argv + 1);
  return perror(argv[1]), 1;
}
