// The controller, to be run in an empty directory that user nobody may write: fuzz SEED CALLS [log|names|compare [FIRST]]. Prints one line of JSON. Exit status 1: something of the monitor was visible,
// or a worker could not be ended; 2: usage.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <grp.h>

#include "fuzz.h"

struct shared* shared;

enum { kNobody = 65534, kWakeAfterMs = 60, kKillAfterMs = 1500, kGiveUpAfterMs = 60000 };

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void) { usleep(10000); }

// Never as root: natively it would be the machine that is fuzzed.
static void become_nobody(void) {
  if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
                         setresuid(kNobody, kNobody, kNobody) != 0)) {
    perror("cannot become nobody");
    exit(2);
  }
  prctl(PR_SET_DUMPABLE, 1);  // else /proc/self would be root's
}

struct outcome {
  unsigned workers, died, stuck, broken;
};

static void note_end(int status, struct outcome* outcome, const char* who) {
  if (!WIFEXITED(status) || WEXITSTATUS(status) <= 63) return;
  printf("BROKEN: status %d of %s after call %u (number %u)\n", WEXITSTATUS(status), who, shared->next,
         shared->number);
  outcome->broken++;
}

// Ends what the workers left behind: the controller is its parent now, whatever session it is in.
static void end_orphans(struct outcome* outcome) {
  for (int round = 0; round < 500; round++) {
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) note_end(status, outcome, "an orphan");
    if (ended < 0) return;  // none left
    char text[4096];
    const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (size < 0) return;
    text[size] = 0;
    char* at = text;
    for (long pid; (pid = strtol(at, &at, 10)) > 0;) kill((pid_t)pid, SIGKILL);
    nap();
  }
  printf("HANG: orphans do not end\n");
  outcome->broken++;
}

// Waits for the worker's end; wakes it from calls that wait, kills it when that does not help.
static bool supervise(pid_t worker, struct outcome* outcome) {
  uint32_t seen = shared->next;
  int64_t since = now_ms();
  bool killed = false;
  for (;;) {
    int status;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended == worker) {
      if (killed)
        outcome->stuck++;
      else if (WIFSIGNALED(status))
        outcome->died++;
      note_end(status, outcome, "a worker");
      end_orphans(outcome);
      objects_remove();
      return true;
    }
    if (ended > 0) {
      note_end(status, outcome, "an orphan");
      continue;
    }
    if (shared->next != seen) {
      seen = shared->next;
      since = now_ms();
    }
    const int64_t waited = now_ms() - since;
    if (waited > kGiveUpAfterMs) {
      printf("HANG: worker %d does not end after call %u (number %u)\n", worker, seen, shared->number);
      return false;
    }
    if (waited > kKillAfterMs && !killed) {
      kill(worker, SIGKILL);
      killed = true;
    } else if (waited > kWakeAfterMs && !killed) {
      syscall(SYS_tgkill, worker, shared->worker, kWakeSignal);
    }
    nap();
  }
}

static unsigned count_nonzero(const _Atomic uint32_t* counts) {
  unsigned n = 0;
  for (int i = 0; i < kMaxNumber; i++) n += counts[i] != 0;
  return n;
}

// Shows that what must not be there would be found: an address and a descriptor are, on purpose.
static int check(void) {
  struct random r = {1};
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memory_setup();
  shared->fd_base = 1 << 20;
  *(volatile uint64_t*)(memory_word()) = UINT64_C(0x7f1fa1b2c3d0);
  leaks_in_memory(&(struct call){0});
  if (dup2(STDOUT_FILENO, kFdLimit + 4) < 0) return 2;
  leaks_in_proc();
  for (int i = 0; i < 200 && shared->leaks < 19; i++) leaks_in_descriptors(&r);
  return shared->leaks > 3 ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "check") == 0) return check();
  if (argc < 3) {
    fprintf(stderr, "usage: fuzz SEED CALLS [log|names|compare [FIRST]] | fuzz check\n");
    return 2;
  }
  const uint64_t seed = strtoull(argv[1], NULL, 0);
  const uint32_t calls = (uint32_t)strtoul(argv[2], NULL, 0);
  const bool log = argc > 3 && strcmp(argv[3], "log") == 0;
  const bool names = argc > 3 && strcmp(argv[3], "names") == 0;
  become_nobody();
  // The caller has made the current directory for this.
  if (access(".", W_OK) != 0) {
    perror("the current directory");
    return 2;
  }
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  shared->fd_base = (uint32_t)limit.rlim_max;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Natively everything is past the arena: `names` is for comparing which calls work.
  if (argc > 4) shared->next = (uint32_t)strtoul(argv[4], NULL, 0);
  if (argc > 3 && strcmp(argv[3], "compare") == 0) {
    memory_setup();
    compare(seed, shared->next, calls);
    return 0;
  }
  struct outcome outcome = {0};
  bool ended = true;
  while (ended && shared->next < calls && shared->leaks < 20) {
    outcome.workers++;
    const pid_t worker = fork();
    if (worker == 0) worker_run(seed, calls, log);
    if (worker < 0) {
      perror("fork");
      return 2;
    }
    ended = supervise(worker, &outcome);
  }
  unsigned made = 0, worked = 0;
  for (int i = 0; i < kMaxNumber; i++) {
    made += shared->made[i];
    worked += shared->worked[i];
  }
  if (names) {
    for (int i = 0; i < kMaxNumber; i++) {
      if (shared->worked[i] != 0)
        printf("%s: %u of %u\n", signatures[i].name, shared->worked[i], shared->made[i]);
    }
  }
  printf(
      "{\"seed\":%lu,\"calls\":%u,\"returned\":%u,\"succeeded\":%u,\"numbers\":%u,\"numbersSucceeded\":%u,"
      "\"workers\":%u,\"died\":%u,\"stuck\":%u,\"broken\":%u,\"leaks\":%u}\n",
      seed, (unsigned)shared->next, made, worked, count_nonzero(shared->made), count_nonzero(shared->worked),
      outcome.workers, outcome.died, outcome.stuck, outcome.broken, (unsigned)shared->leaks);
  return ended && outcome.broken == 0 && shared->leaks == 0 ? 0 : 1;
}
