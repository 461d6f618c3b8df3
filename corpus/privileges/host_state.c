// Changes what is the host's: its name, clocks, limits of the kernel, time zone, swap, quotas.
// @technique T1565
// @weakness CWE-250
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: natively, as root, these would change the host
// @attempts 8
#include <sys/time.h>
#include <sys/timex.h>

#include "../attack.h"

int main(void) {
  struct timespec now;
  struct timeval now_us;
  clock_gettime(CLOCK_REALTIME, &now);
  gettimeofday(&now_us, NULL);
  struct timex t = {.modes = ADJ_OFFSET_SINGLESHOT};
  ATTEMPT("clock_settime", clock_settime(CLOCK_REALTIME, &now));
  ATTEMPT("settimeofday", settimeofday(&now_us, NULL));
  ATTEMPT("adjtimex", adjtimex(&t));
  ATTEMPT("clock_adjtime", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &t));
  ATTEMPT("sethostname", sethostname("attacked", 8));
  ATTEMPT("setdomainname", setdomainname("attacked", 8));
  ATTEMPT("a higher limit", setrlimit(RLIMIT_CORE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}));
  ATTEMPT("a real-time clock alarm", timer_create(CLOCK_REALTIME_ALARM, NULL, &(timer_t){0}));
  ATTEMPT("a negative nice value", setpriority(PRIO_PROCESS, 0, -20));
  return 0;
}
