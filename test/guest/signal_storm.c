// Shows: 1,000 timer signals while computing and while making calls: none changes a register or a result.
// run: both
#include "guest.h"
#include <sys/time.h>

static volatile int hits;
static void handler(int signo UNUSED) {
  hits++;
  asm volatile("pcmpeqb %%xmm0, %%xmm0; pcmpeqb %%xmm7, %%xmm7" ::: "xmm0", "xmm7");
}

static uint64_t work(uint64_t seed) {
  uint64_t x = seed;
  double d = 1.0;
  for (int i = 0; i < 20000; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    d = d * 1.0000001 + (double)(x & 7) * 1e-9;
  }
  uint64_t bits;
  memcpy(&bits, &d, 8);
  return x ^ bits;
}

int main(void) {
  uint64_t expected = work(0x12345678);
  struct sigaction action = {.sa_flags = SA_RESTART};
  action.sa_handler = handler;
  MUST(sigaction(SIGALRM, &action, NULL));
  struct itimerval timer = {{0, 5000}, {0, 5000}};
  MUST(setitimer(ITIMER_REAL, &timer, NULL));
  int wrong = 0, bad_calls = 0;
  pid_t parent = getppid();
  int p[2];
  MUST(pipe(p));
  while (hits < 1000) {
    if (work(0x12345678) != expected) wrong++;
    for (int i = 0; i < 20; i++) {
      char out[16] = "0123456789abcde", in[16] = "";
      if (syscall(SYS_getppid) != parent) bad_calls++;
      if (write(p[1], out, 16) != 16 || read(p[0], in, 16) != 16 || memcmp(in, out, 16)) bad_calls++;
      sigset_t set, old;
      sigemptyset(&set);
      sigaddset(&set, SIGALRM);
      if (sigprocmask(SIG_BLOCK, &set, &old) || sigismember(&old, SIGALRM)) bad_calls++;
      int before = hits;
      syscall(SYS_getppid);
      if (hits != before) bad_calls++;
      if (sigprocmask(SIG_SETMASK, &old, NULL)) bad_calls++;
    }
  }
  memset(&timer, 0, sizeof timer);
  MUST(setitimer(ITIMER_REAL, &timer, NULL));
  printf("wrong %d bad calls %d enough %d\n", wrong, bad_calls, hits >= 1000);
  return guest_failed();
}
