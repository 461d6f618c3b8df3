// Shows: a process that shares its maker's memory (CLONE_VM) and outlives it: however the maker ends, it is reaped at once, and the other goes on: makes calls, processes, threads and programs of its own, and is reaped by the subreaper.
// run: static ; timeout 60s
#include <sched.h>
#include <sys/prctl.h>

#include "guest.h"

enum { kNothing, kForks, kClones, kThread, kVfork, kExecs, kMaps, kKilled, kDoes };
static const char* does[] = {"nothing", "forks", "clones", "thread", "vfork", "execs", "maps", "killed"};
enum { kReturns, kExitsGroup, kExits, kKills, kMakerExecs, kFaults, kEnds };
static const char* ends[] = {"returns", "exit_group", "exit", "kill", "exec", "fault"};

static char stack[65536] __attribute__((aligned(16))), second[65536] __attribute__((aligned(16)));
static int go[2], done[2], work;

static int short_lived(void* unused UNUSED) { return 6; }
static void* in_thread(void* number) {
  *(int*)number = 8;
  return NULL;
}

// In the memory that it shared with its maker, which is gone.
static int child(void* unused UNUSED) {
  char c;
  if (read(go[0], &c, 1) != 1) return 90;
  int status = 0, result = 0;
  pid_t pid;
  switch (work) {
    case kForks:
      pid = fork();
      if (pid == 0) _exit(5);
      waitpid(pid, &status, 0);
      result = WEXITSTATUS(status);
      break;
    case kClones:
      pid = clone(short_lived, second + sizeof second, CLONE_VM | SIGCHLD, NULL);
      waitpid(pid, &status, 0);
      result = WEXITSTATUS(status);
      break;
    case kThread: {
      pthread_t thread;
      if (pthread_create(&thread, NULL, in_thread, &result)) return 91;
      pthread_join(thread, NULL);
      break;
    }
    case kVfork:
      pid = vfork();
      if (pid == 0) {
        execl("/proc/self/exe", "me", "child", NULL);
        _exit(92);
      }
      waitpid(pid, &status, 0);
      result = WEXITSTATUS(status);
      break;
    case kExecs:
      execl("/proc/self/exe", "me", "child", NULL);
      return 93;
    case kMaps: {
      char* p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p == MAP_FAILED) return 94;
      memset(p, 4, 1 << 20);
      result = p[777] + (munmap(p, 1 << 20) == 0);
      break;
    }
    case kKilled: kill(getpid(), SIGKILL);
  }
  if (write(done[1], "x", 1) != 1) return 95;
  return result;
}

static void maker(int end, int flags) {
  MUST(clone(child, stack + sizeof stack, CLONE_VM | flags | SIGCHLD, NULL));
  switch (end) {
    case kReturns: exit(3);
    case kExitsGroup: syscall(SYS_exit_group, 3);
    case kExits: syscall(SYS_exit, 3);
    case kKills: kill(getpid(), SIGKILL);
    case kMakerExecs: execl("/proc/self/exe", "me", "maker", NULL);
    case kFaults: *(volatile int*)8 = 1;
  }
  _exit(99);
}

int main(int argc, char** argv) {
  if (argc > 1) return strcmp(argv[1], "child") == 0 ? 7 : 3;
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  static const int kFlags[] = {0, CLONE_FS, CLONE_SIGHAND, CLONE_FILES, CLONE_SYSVSEM | CLONE_IO};
  for (int end = 0; end < kEnds; end++)
    for (work = 0; work < kDoes; work++) {
      int flags = kFlags[(end + work) % 5];
      // Whoever dies of SIGSEGV takes shared dispositions with it (docs/syscalls.md, clone).
      if (end == kFaults) flags &= ~CLONE_SIGHAND;
      MUST(pipe(go));
      MUST(pipe(done));
      printf("maker %s, child %s, flags %x: ", ends[end], does[work], flags);
      fflush(stdout);
      const pid_t pid = MUST(fork());
      if (pid == 0) maker(end, flags);
      reap("maker", pid);  // before the other may go on
      MUST(write(go[1], "x", 1));
      int status;
      const pid_t orphan = MUST(waitpid(-1, &status, 0));
      show_status(orphan != pid ? "orphan" : "?", status);
      SHOW(waitpid(-1, &status, WNOHANG));
      close(go[0]);
      close(go[1]);
      close(done[0]);
      close(done[1]);
    }
  return guest_failed();
}
