// Opens counters of the processor and the kernel, as the index out of bounds in perf_swevent_init needs.
// @technique T1068
// @weakness CWE-189
// @cve CVE-2013-2094
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @control-done software event
// @attempts 3
#include <linux/perf_event.h>

#include "../attack.h"

static long counter(unsigned type, unsigned long config) {
  struct perf_event_attr attr = {.type = type, .size = sizeof attr, .config = config, .disabled = 1, .exclude_kernel = 1};
  return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

int main(void) {
  ATTEMPT("software event", counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK));
  ATTEMPT("hardware event", counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES));
  ATTEMPT("event that there is not", counter(PERF_TYPE_SOFTWARE, 0xffffffff));
  return 0;
}
