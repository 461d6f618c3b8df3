// Gets back what was taken: user 0, capabilities, securebits, a program with the set-user-ID bit, file capabilities.
// @technique T1548.001
// @weakness CWE-250
// @stopped-by namespace
// @options {"policy":"compat","user":{"uid":1000,"gid":1000}}
// @control none: natively this is root already
// @attempts 10
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <grp.h>

#include "../attack.h"

int main(void) {
  ATTEMPT("setuid", setuid(0));
  ATTEMPT("setresuid", setresuid(0, 0, 0));
  ATTEMPT("setgid", setgid(0));
  gid_t groups[] = {0};
  ATTEMPT("setgroups", setgroups(1, groups));
  setfsuid(0);
  MUST_NOT("setfsuid", setfsuid(-1) == 0, "kept");
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
  ATTEMPT("capset", syscall(SYS_capset, &header, data));
  memset(data, 0, sizeof data);
  CONTROL("capget", syscall(SYS_capget, &header, data));
  MUST_NOT("has capabilities", data[0].effective | data[1].effective | data[0].permitted, "none");
  ATTEMPT("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
  ATTEMPT("securebits", prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NOROOT, 0, 0, 0));
  MUST_NOT("new privileges are possible", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "none");
  // su(1) has the bit on every Debian.
  int pipes[2];
  pipe(pipes);
  pid_t child = fork();
  if (child == 0) {
    dup2(pipes[1], 1), close(2), close(0);
    open("/dev/null", O_RDONLY);
    execl("/usr/bin/su", "su", "-c", "id -u", NULL);
    _exit(9);
  }
  close(pipes[1]);
  char text[16] = "";
  read(pipes[0], text, sizeof text - 1);
  waitpid(child, NULL, 0);
  MUST_NOT("su", text[0] == '0', "refused");
  return 0;
}
