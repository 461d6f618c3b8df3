// Single calls from a fresh state, one line each, to be compared with the lines of a native run:
//   fuzz SEED LAST compare [FIRST]
// What differs is for a person to judge: some results are different in any two runs (numbers of processes, times).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

static void woken(int number) { (void)number; }

// What a call has changed, whatever was there before.
static uint64_t before[1 << 14];

static void remember_memory(void) {
  const uint64_t *first, *last;
  data_span(&first, &last);
  memcpy(before, first, (size_t)(last - first) * 8);
}

static uint64_t hash_of_changes(void) {
  const uint64_t *first, *last;
  data_span(&first, &last);
  uint64_t hash = 0;
  for (const uint64_t* p = first; p < last; p++) {
    const uint64_t word = *(const volatile uint64_t*)p;
    if (word != before[p - first]) hash = (hash ^ word ^ (uint64_t)p) * UINT64_C(0x100000001b3);
  }
  return hash;
}

static _Noreturn void one_call(uint64_t seed, uint32_t index) {
  struct call call;
  setsid();
  limits_setup();
  close_range(3, ~0u, 0);
  descriptors_setup();
  const struct sigaction wake = {.sa_handler = woken};
  sigaction(kWakeSignal, &wake, NULL);
  signal(SIGPIPE, SIG_IGN);
  if (!call_make(seed, index, &call)) _exit(0);
  remember_memory();
  shared->number = (uint32_t)call.number;
  const long result = raw_call(&call);
  shared->result = result;
  shared->hash = hash_of_changes();
  shared->returned = true;
  syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

static void show(uint64_t seed, uint32_t index, int status, bool stuck) {
  struct call call;
  call_make(seed, index, &call);
  const uint32_t number = (uint32_t)call.number;
  printf("%u %s(", index, number < kMaxNumber && signatures[number].name ? signatures[number].name : "none");
  for (int i = 0; i < 6; i++) printf("%lx%s", call.arg[i], i < 5 ? ", " : ") = ");
  if (stuck)
    printf("stuck");
  else if (!shared->returned && WIFSIGNALED(status))
    printf("killed by %d", WTERMSIG(status));
  else if (!shared->returned)
    printf("exit %d", WEXITSTATUS(status));
  else if (shared->result < 0 && shared->result > -4096)
    printf("%s", strerrorname_np((int)-shared->result));
  else
    printf("%ld", shared->result);
  printf(" %lx\n", shared->returned ? shared->hash : 0);
}

void compare(uint64_t seed, uint32_t first, uint32_t last) {
  for (uint32_t index = first; index < last; index++) {
    struct call call;
    shared->returned = false;
    if (!call_make(seed, index, &call)) continue;
    const pid_t child = fork();
    if (child == 0) one_call(seed, index);
    int status = 0;
    bool stuck = false;
    for (int i = 0; waitpid(child, &status, WNOHANG) == 0; i++) {
      usleep(2000);
      if (i > 300) kill(child, kWakeSignal);
      stuck = i > 1000;
      if (stuck) kill(child, SIGKILL);
    }
    kill(-child, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    show(seed, index, status, stuck);
    objects_remove();
  }
}
