// Shows: clocks: the vdso and the system call agree, monotonic never goes back, in any thread; resolution; errors.
// run: both
#include <sys/time.h>

#include "guest.h"

static int64_t nanoseconds(struct timespec t) { return t.tv_sec * 1000000000l + t.tv_nsec; }
static void* watch(void* argument UNUSED) {
  struct timespec a, b;
  long backwards = 0;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < 100000; i++) {
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (nanoseconds(b) < nanoseconds(a)) backwards++;
    a = b;
  }
  return (void*)backwards;
}

int main(void) {
  clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE,
                        CLOCK_MONOTONIC_COARSE, CLOCK_TAI};
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    struct timespec before, middle, after, resolution;
    syscall(SYS_clock_gettime, clocks[i], &before);
    clock_gettime(clocks[i], &middle);
    syscall(SYS_clock_gettime, clocks[i], &after);
    clock_getres(clocks[i], &resolution);
    printf("clock %d: ordered %d resolution %ld\n", clocks[i],
           nanoseconds(before) <= nanoseconds(middle) && nanoseconds(middle) <= nanoseconds(after), resolution.tv_nsec);
  }
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, watch, NULL);
  for (int i = 0; i < 2; i++) {
    void* backwards;
    pthread_join(threads[i], &backwards);
    printf("backwards %ld\n", (long)backwards);
  }
  struct timeval now;
  SHOW(gettimeofday(&now, NULL));
  struct timespec real;
  clock_gettime(CLOCK_REALTIME, &real);
  CHECK(labs(real.tv_sec - now.tv_sec) <= 1 && labs(time(NULL) - real.tv_sec) <= 1);
  CHECK(real.tv_sec > 1700000000);
  struct timespec t;
  SHOW(clock_gettime(99, &t));
  SHOW(clock_gettime(-1000, &t));
  SHOW(syscall(SYS_time, NULL) > 1700000000);
  SHOW(syscall(SYS_time, 8));
  SHOW(syscall(SYS_gettimeofday, 8, NULL));
  SHOW(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
  struct timespec u;
  volatile double x = 1;
  for (int i = 0; i < 3000000; i++) x *= 1.0000001;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &u);
  CHECK(nanoseconds(u) > nanoseconds(t));
  pid_t child = MUST(fork());
  if (!child) _exit(watch(NULL) ? 1 : 0);
  reap("child", child);
  return guest_failed();
}
