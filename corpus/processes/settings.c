// Changes the scheduling, limits and groups of processes that are not its own.
// @technique T1489
// @weakness CWE-284
// @stopped-by namespace
// @options {"policy":"compat"}
// @control {"isolation":"none","policy":"compat"}
// @control-done prlimit,getpriority,affinity,getpgid,getsid
// @attempts 8
#include <sched.h>

#include "../attack.h"

int main(void) {
  int victim = told_number("ATTACK_VICTIM");
  struct rlimit64 limit;
  cpu_set_t set;
  ATTEMPT("prlimit", prlimit64(victim, RLIMIT_NOFILE, NULL, &limit));
  // -1 is a nice value as well: the system call's own result is not (man 2 getpriority, C library/kernel differences).
  ATTEMPT("getpriority", syscall(SYS_getpriority, PRIO_PROCESS, victim));
  ATTEMPT("affinity", sched_getaffinity(victim, sizeof set, &set));
  ATTEMPT("getpgid", getpgid(victim));
  ATTEMPT("getsid", getsid(victim));
  ATTEMPT("scheduler", sched_getscheduler(victim));
  ATTEMPT("ioprio", syscall(SYS_ioprio_get, 1, victim));
  ATTEMPT("join its group", getenv("ATTACK_CONTROL") ? -1 : setpgid(0, victim));
  return 0;
}
