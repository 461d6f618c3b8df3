// Getting back what was given up. Run as whoever the sandbox's user is.
#include "attempt.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <time.h>

static int any_capability(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return 1;
  return data[0].effective || data[0].permitted || data[0].inheritable || data[1].effective ||
         data[1].permitted || data[1].inheritable;
}

static int regain(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
  return (int)syscall(SYS_capset, &header, data);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "again") == 0) {
    MUST_NOT("capabilities after exec", any_capability());
    MUST_NOT("another user after exec", geteuid() != getuid());
    return 0;
  }
  MUST_NOT("capabilities", any_capability());
  MUST_NOT("new privileges allowed", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
  ATTEMPT("new privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  ATTEMPT("capset", regain());
  ATTEMPT("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
  ATTEMPT("secure bits", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
  for (int cap = 0; cap <= 40; cap++)
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) ATTEMPT("in the bounding set", cap);
  uid_t other = getuid() == 12345 ? 12346 : 12345;
  ATTEMPT("setuid", setuid(other));
  ATTEMPT("setresuid", setresuid(-1, other, -1));
  ATTEMPT("setgid", setgid(other));
  ATTEMPT("setgroups", ({
            gid_t group = other;
            setgroups(1, &group);
          }));
  ATTEMPT("drop groups", setgroups(0, NULL));
  int fd = open("/tmp/file", O_CREAT | O_RDWR, 0755);
  CONTROL("a file", fd);
  ATTEMPT("chown", fchown(fd, other, other));
  CONTROL("set-user-ID bit", fchmod(fd, 04755));
  // One that is root's outside has no effect either.
  ATTEMPT("su", ({
            pid_t pid = fork();
            if (pid == 0) {
              int null = open("/dev/null", O_RDWR);
              dup2(null, 0), dup2(null, 1), dup2(null, 2);
              execl("/usr/bin/su", "su", "nobody", "-s", "/bin/true", NULL);
              _exit(9);
            }
            int status;
            waitpid(pid, &status, 0);
            status == 0 ? 0 : (errno = EPERM, -1);
          }));
  ATTEMPT("raise a hard limit", ({
            struct rlimit limit = {1, RLIM_INFINITY};
            setrlimit(RLIMIT_CORE, &limit);
          }));
  ATTEMPT("set the clock", ({
            struct timespec now = {0, 0};
            clock_settime(CLOCK_REALTIME, &now);
          }));
  ATTEMPT("host name", sethostname("other", 5));
  ATTEMPT("domain name", setdomainname("other", 5));
  ATTEMPT("swap", syscall(SYS_swapon, "/tmp/file", 0));
  ATTEMPT("kernel log", syscall(SYS_syslog, 3, (char[16]){}, 16));
  ATTEMPT("ports", syscall(SYS_ioperm, 0x70, 1, 1));
  ATTEMPT("modules", syscall(SYS_init_module, "x", 1, ""));
  ATTEMPT("bpf", syscall(SYS_bpf, 0, (char[64]){}, 64));
  ATTEMPT("accounting", syscall(SYS_acct, "/tmp/file"));
  ATTEMPT("quota", syscall(SYS_quotactl, 0x800007 << 8, "/dev/vda", 0, (char[256]){}));
  fflush(stdout);
  execl("/proc/self/exe", "privileges", "again", NULL);
  return 1;
}
