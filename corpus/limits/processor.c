// Keeps a processor busy past its limit, ignoring the warning.
// @technique T1496
// @weakness CWE-400
// @stopped-by limit
// @options {"policy":"compat","rlimits":{"cpu":{"soft":1,"hard":2}}}
// @control {"policy":"compat"}
// @attempts 1
#include <time.h>

#include "../attack.h"

int main(void) {
  IN_CHILD("three seconds", {
    signal(SIGXCPU, SIG_IGN);
    struct timespec used;
    do {
      for (volatile int i = 0; i < 1000000; i++) continue;
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec < 3);
  });
  return 0;
}
