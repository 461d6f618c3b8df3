// A monitor that was taken over asks for the kernel's young interfaces: rings of calls, programs in the kernel, faults, counters.
// @technique T1068
// @weakness CWE-1188
// @cve CVE-2022-29582
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 4
#include "../attack.h"

int main(void) {
  static char page[4096];
  TAKEN_OVER("io_uring_setup", SYS_io_uring_setup, 8, (long)page);
  TAKEN_OVER("bpf", SYS_bpf, 0, (long)page, 64);
  TAKEN_OVER("userfaultfd", SYS_userfaultfd, 1);
  TAKEN_OVER("perf_event_open", SYS_perf_event_open, (long)page, 0, -1, -1);
  return 0;
}
