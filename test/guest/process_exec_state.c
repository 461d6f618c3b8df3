// Shows: what outlives an exec: mask, pending and ignored signals, name, arguments of every size; what runs from a
// memfd and from a file that is gone.
// run: both
#include "guest.h"

#include <sys/prctl.h>

extern char** environ;

static void show_state(void) {
  sigset_t mask, pending;
  sigprocmask(0, NULL, &mask);
  sigpending(&pending);
  for (int signo = 1; signo < 32; signo++) {
    struct sigaction action;
    if (sigaction(signo, NULL, &action) != 0) continue;
    int blocked = sigismember(&mask, signo), waits = sigismember(&pending, signo),
        ignored = action.sa_handler == SIG_IGN;
    if (blocked || waits || ignored || (action.sa_handler != SIG_DFL && !ignored))
      printf("%s: blocked %d pending %d ignored %d\n", sigabbrev_np(signo), blocked, waits, ignored);
  }
}
static void show_name(void) {
  char name[16];
  prctl(PR_GET_NAME, name);
  printf("name %s\n", name);
}
static void handler(int signo UNUSED) {}

static int copy_of_self(int to) {
  char buffer[65536];
  int from = MUST(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;) MUST(write(to, buffer, n));
  close(from);
  return to;
}

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("%s: %d arguments, the last of %zu bytes\n", argv[1], argc, strlen(argv[argc - 1]));
    size_t bytes = 0;
    for (char** e = environ; *e; e++) bytes += strlen(*e) + 1;
    printf("environment of %zu bytes\n", bytes);
    if (strcmp(argv[1], "signals") == 0) show_state();
    if (strcmp(argv[1], "memfd") == 0 || strcmp(argv[1], "name") == 0) show_name();
    if (strcmp(argv[1], "gone") == 0) {
      char path[PATH_MAX] = "";
      MUST(readlink("/proc/self/exe", path, sizeof path - 1));
      printf("deleted %d\n", strstr(path, " (deleted)") != NULL);
    }
    return 7;
  }
  char* none[] = {NULL};
  pid_t pid = MUST(fork());
  if (!pid) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGSEGV);
    sigaddset(&set, SIGBUS);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    kill(getpid(), SIGSEGV);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGBUS, SIG_IGN);
    signal(SIGHUP, handler);
    execve("/proc/self/exe", (char*[]){"me", "signals", NULL}, none);
    _exit(99);
  }
  reap("signals", pid);

  pid = MUST(fork());
  if (!pid) {
    prctl(PR_SET_NAME, "another name");
    execve("/proc/self/exe", (char*[]){"me", "name", NULL}, none);
    _exit(99);
  }
  reap("name", pid);

  pid = MUST(fork());
  if (!pid) {
    enum { kCount = 20000, kLong = 100000 };
    char** arguments = calloc(kCount + 1, sizeof *arguments);
    char* last = malloc(kLong + 1);
    memset(last, 'z', kLong);
    last[kLong] = 0;
    arguments[0] = "me";
    arguments[1] = "many";
    for (int i = 2; i < kCount - 1; i++) arguments[i] = i & 1 ? "" : "0123456789abcdef";
    arguments[kCount - 1] = last;
    execve("/proc/self/exe", arguments, (char*[]){last, "A=b", NULL});
    _exit(99);
  }
  reap("many", pid);

  pid = MUST(fork());
  if (!pid) {
    int fd = copy_of_self(MUST(memfd_create("made here", MFD_CLOEXEC)));
    syscall(SYS_execveat, fd, "", (char*[]){"me", "memfd", NULL}, none, AT_EMPTY_PATH);
    _exit(99);
  }
  reap("memfd", pid);

  pid = MUST(fork());
  if (!pid) {
    char path[] = "/tmp/barchan-gone-XXXXXX";
    int fd = copy_of_self(MUST(mkostemp(path, O_CLOEXEC)));
    MUST(fchmod(fd, 0700));
    close(fd);
    fd = MUST(open(path, O_PATH | O_CLOEXEC));
    MUST(unlink(path));
    syscall(SYS_execveat, fd, "", (char*[]){"me", "gone", NULL}, none, AT_EMPTY_PATH);
    _exit(99);
  }
  reap("gone", pid);
  return 0;
}
