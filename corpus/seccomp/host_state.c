// A monitor that was taken over changes what is the host's: clocks, names, swap, power.
// @technique T1529
// @weakness CWE-250
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @permits-compat adjtimex
// @attempts 10
#include "../attack.h"

int main(void) {
  TAKEN_OVER("settimeofday", SYS_settimeofday, 0, 0);
  TAKEN_OVER("clock_settime", SYS_clock_settime, 0, 0);
  TAKEN_OVER("adjtimex", SYS_adjtimex, 0);
  TAKEN_OVER("sethostname", SYS_sethostname, 0, -1);
  TAKEN_OVER("setdomainname", SYS_setdomainname, 0, -1);
  TAKEN_OVER("swapon", SYS_swapon, 0);
  TAKEN_OVER("swapoff", SYS_swapoff, 0);
  TAKEN_OVER("reboot", SYS_reboot, 0, 0, 0);
  TAKEN_OVER("quotactl", SYS_quotactl, -1);
  TAKEN_OVER("syslog", SYS_syslog, -1);
  return 0;
}
