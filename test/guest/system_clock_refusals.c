// Shows: setting clocks: what is refused before the privilege is asked for, in Linux's order. Nothing here sets a clock.
// run: both
#include <sys/time.h>

#include "guest.h"

static char* unmapped;

static void each(clockid_t clock) {
  struct timespec bad = {0, 1000000000}, negative = {-1, 0}, late = {INT64_MAX / 1000000000 + 1, 0};
  printf("clock %d\n", clock);
  SHOW(syscall(SYS_clock_settime, clock, NULL));
  SHOW(syscall(SYS_clock_settime, clock, unmapped));
  SHOW(syscall(SYS_clock_settime, clock, &bad));
  SHOW(syscall(SYS_clock_settime, clock, &negative));
  SHOW(syscall(SYS_clock_settime, clock, &late));
}

int main(void) {
  unmapped = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  clockid_t own;
  MUST(clock_getcpuclockid(0, &own));
  // Those that nobody may set; the last is of no process, one more is of no descriptor.
  clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                        CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_BOOTTIME, CLOCK_TAI, 60, INT_MAX,
                        own, (clockid_t)(~(unsigned)INT_MAX | 2), (clockid_t)(~99999u << 3 | 3)};
  for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) each(clocks[i]);
  struct timespec now = {1, 1};
  SHOW(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &now));
  SHOW(syscall(SYS_clock_settime, own, &now));

  struct timeval wrong = {1, 1000001}, end = {1, 1000000}, minus = {1, -1}, before = {-1, 0};
  SHOW(syscall(SYS_settimeofday, &wrong, NULL));
  SHOW(syscall(SYS_settimeofday, &end, NULL));
  SHOW(syscall(SYS_settimeofday, &minus, NULL));
  SHOW(syscall(SYS_settimeofday, &before, NULL));
  SHOW(syscall(SYS_settimeofday, unmapped, NULL));
  SHOW(syscall(SYS_settimeofday, NULL, unmapped));
  SHOW(syscall(SYS_settimeofday, &wrong, unmapped));
  return guest_failed();
}
