// Shows: processes that share memory with their parent, which does not wait for them (CLONE_VM alone): however they
//        end, what the parent spent on them comes back; dispositions shared (CLONE_SIGHAND) and not.
// run: static ; timeout 60s
#include "guest.h"
#include <sched.h>

static volatile int value;
static char stacks[8][16384] __attribute__((aligned(16)));
static volatile sig_atomic_t hits;
static void handler(int signo UNUSED) { hits++; }

static int child(void* how) {
  value++;
  switch ((long)how) {
    case 0: return 1;
    case 1: kill(getpid(), SIGKILL); break;
    case 2: syscall(SYS_exit, 3); break;
    case 3: execl("/proc/self/exe", "me", "again", NULL); break;
    case 4: signal(SIGUSR1, SIG_IGN); break;
    case 5: {
      pid_t pid = fork();
      if (!pid) _exit(9);
      int status;
      waitpid(pid, &status, 0);
      return WEXITSTATUS(status);
    }
  }
  return 4;
}

static pid_t start(long how, int slot, int flags) {
  return MUST(clone(child, stacks[slot] + sizeof stacks[slot], CLONE_VM | flags | SIGCHLD, (void*)how));
}

int main(int argc, char** argv) {
  if (argc > 1) return 5;
  for (long how = 0; how < 6; how++) {
    pid_t pid = start(how, 0, 0);
    reap("child", pid);
  }
  printf("value %d\n", value);

  // SIGUSR1's disposition: a child without CLONE_SIGHAND has its own, one with it shares it.
  struct sigaction action = {.sa_handler = handler}, now;
  for (int i = 0; i < 2; i++) {
    MUST(sigaction(SIGUSR1, &action, NULL));
    reap("child", start(4, 0, i ? CLONE_SIGHAND : 0));
    MUST(sigaction(SIGUSR1, NULL, &now));
    printf("shared %d: ignored %d\n", i, now.sa_handler == SIG_IGN);
  }

  // Many, some at the same time: far more than there can be threads.
  value = 0;
  int statuses[4] = {0};
  for (int i = 0; i < 4800; i += 8) {
    pid_t pids[8];
    for (int slot = 0; slot < 8; slot++) pids[slot] = start(slot % 3, slot, slot & 1 ? CLONE_SIGHAND : 0);
    for (int slot = 0; slot < 8; slot++) {
      int status;
      MUST(waitpid(pids[slot], &status, 0));
      statuses[slot % 3] += WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
  printf("statuses %d %d %d\n", statuses[0], statuses[1], statuses[2]);
  raise(SIGUSR1);
  return guest_failed();
}
