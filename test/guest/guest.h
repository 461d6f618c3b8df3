// Purpose: what the guest test programs share: they print results, with errno names, so that the native output
//          is the oracle of a run under the monitor. Included first by each program.
// Threads: the printing helpers may be called from any thread.
#ifndef BARCHAN_TEST_GUEST_H
#define BARCHAN_TEST_GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

// A line leaves the buffer at its end, so that fork copies none of it. No malloc: some programs test the break.
static char guest_buffer[4096];
__attribute__((constructor)) static void guest_start(void) {
  setvbuf(stdout, guest_buffer, _IOLBF, sizeof guest_buffer);
}

static const char* errno_name(int error) {
  const char* name = strerrorname_np(error);
  return name ? name : "?";
}

// Prints a result that is the same in every run.
UNUSED static long show(const char* what, long result, int error) {
  if (result == -1) {
    printf("%s = -1 %s\n", what, errno_name(error));
  } else {
    printf("%s = %ld\n", what, result);
  }
  return result;
}
#define SHOW(expr)                                 \
  ({                                               \
    errno = 0;                                     \
    long show_result_ = (long)(expr);              \
    show(#expr, show_result_, errno);              \
    show_result_;                                  \
  })

// Prints success or the errno, of a call whose good result varies (addresses, descriptors, times).
#define OK(expr)                                                                              \
  ({                                                                                          \
    errno = 0;                                                                                \
    __auto_type ok_result_ = (expr);                                                          \
    if ((long)ok_result_ == -1) printf("%s = -1 %s\n", #expr, errno_name(errno));             \
    else printf("%s: ok\n", #expr);                                                           \
    ok_result_;                                                                               \
  })

// Prints whether a condition holds; guest_failed() is the exit status of a program with checks.
static int guest_failures;
#define CHECK(condition)                                             \
  do {                                                               \
    if (condition) {                                                 \
      printf("ok   %s\n", #condition);                               \
    } else {                                                         \
      printf("FAIL %s (line %d)\n", #condition, __LINE__);           \
      __atomic_fetch_add(&guest_failures, 1, __ATOMIC_RELAXED);      \
    }                                                                \
  } while (0)
UNUSED static int guest_failed(void) { return guest_failures ? 1 : 0; }

// Ends the program when a step fails that is not itself under test.
#define MUST(expr)                                                                        \
  ({                                                                                      \
    __auto_type must_result_ = (expr);                                                    \
    if ((long)must_result_ == -1) {                                                       \
      printf("MUST %s: %s (line %d)\n", #expr, errno_name(errno), __LINE__);              \
      exit(99);                                                                           \
    }                                                                                     \
    must_result_;                                                                         \
  })

// Prints how a child ended.
UNUSED static void show_status(const char* what, int status) {
  if (WIFEXITED(status)) printf("%s: exit %d\n", what, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("%s: signal %s\n", what, sigabbrev_np(WTERMSIG(status)));
  else if (WIFSTOPPED(status)) printf("%s: stopped %s\n", what, sigabbrev_np(WSTOPSIG(status)));
  else if (WIFCONTINUED(status)) printf("%s: continued\n", what);
}

// Waits for `pid` and prints how it ended.
UNUSED static int reap(const char* what, pid_t pid) {
  int status = 0;
  MUST(waitpid(pid, &status, 0));
  show_status(what, status);
  return status;
}

// TRAP(what, code): runs `code` and prints the synchronous signal it raises: number, si_code, and the
// fault address as `what`-relative offset when `base` is set with trap_base.
static sigjmp_buf trap_jump;
static volatile int trap_armed, trap_signal, trap_code;
static void* volatile trap_address;
static void trap_handler(int signo, siginfo_t* info, void* context UNUSED) {
  if (!trap_armed) {  // not expected: die by it
    signal(signo, SIG_DFL);
    return;
  }
  trap_armed = 0;
  trap_signal = signo;
  trap_code = info->si_code;
  trap_address = info->si_addr;
  siglongjmp(trap_jump, 1);
}
UNUSED static void trap_install(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  action.sa_sigaction = trap_handler;
  int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) MUST(sigaction(signals[i], &action, NULL));
}
#define TRAP(name, base, code)                                                                          \
  do {                                                                                                  \
    trap_armed = 1;                                                                                     \
    if (!sigsetjmp(trap_jump, 1)) {                                                                     \
      code;                                                                                             \
      trap_armed = 0;                                                                                   \
      printf("%s: no signal\n", name);                                                                  \
    } else {                                                                                            \
      printf("%s: SIG%s code %d at base%+ld\n", name, sigabbrev_np(trap_signal), trap_code,             \
             (long)((char*)trap_address - (char*)(base)));                                              \
    }                                                                                                   \
  } while (0)

// A fresh empty directory in $TMPDIR or /tmp to work in; becomes the cwd. The harness removes its parent.
UNUSED static char* scratch(void) {
  static char path[PATH_MAX];
  const char* parent = getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/guest-XXXXXX", parent ? parent : "/tmp");
  if (!mkdtemp(path)) {
    printf("MUST mkdtemp: %s\n", errno_name(errno));
    exit(99);
  }
  MUST(chdir(path));
  return path;
}

UNUSED static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
