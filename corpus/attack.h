// What every attack of the corpus is written with. An attack tries things that must not work, and says of each try, in
// one line, how it ended:
//
//   stopped NAME ERRNO|SIGNAL|WORDS    it did not work
//   done NAME                          it worked
//   control NAME ok|ERRNO              something harmless, which must work: a failure of everything is no success
//
// The judge believes "done" and nothing else of a hostile program; these programs are honest, and the judge counts
// the lines, so that one which ends early is seen. See corpus/README.md.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// The first address that is not the guest's: barchan's arena ends here, what is above belongs to the monitor.
#define ARENA_END 0x680000000000UL
// Gate, descriptor tables and vCPU pages of the guest's own address space, for ring 0 only.
#define SYSTEM_VA 0x7e0000000000UL

static inline void say_stopped(const char* name, const char* how) {
  printf("stopped %s %s\n", name, how);
  fflush(stdout);
}
static inline void say_done(const char* name) {
  printf("done %s\n", name);
  fflush(stdout);
}
static inline const char* error_name(void) {
  const char* name = strerrorname_np(errno);
  return name ? name : "UNKNOWN";
}
static inline void say(const char* name, long result) {
  if (result >= 0)
    say_done(name);
  else
    say_stopped(name, error_name());
}

// `call` is negative with errno set when it fails.
#define ATTEMPT(name, call) (errno = 0, say(name, (long)(call)))
// Of a call that was made just before.
#define RESULT(name, result) say(name, (long)(result))
// True means that the attack worked; `how` says what stopped it.
#define MUST_NOT(name, condition, how) ((condition) ? say_done(name) : say_stopped(name, how))
#define CONTROL(name, call) \
  (errno = 0, printf("control %s %s\n", name, (long)(call) >= 0 ? "ok" : error_name()), fflush(stdout))

static const int attack_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
static sigjmp_buf attack_jump;
static volatile siginfo_t attack_info;
static inline void attack_caught(int signal, siginfo_t* info, void* context) {
  (void)context;
  *(siginfo_t*)&attack_info = *info;
  siglongjmp(attack_jump, signal);
}
static inline void attack_catch(void) {
  static char stack[64 * 1024];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_sigaction = attack_caught, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (unsigned i = 0; i < sizeof attack_signals / sizeof *attack_signals; i++) sigaction(attack_signals[i], &action, NULL);
}
// In a child a fault is its end; to jump would be to go on as its parent.
static inline void attack_forget(void) {
  for (unsigned i = 0; i < sizeof attack_signals / sizeof *attack_signals; i++) signal(attack_signals[i], SIG_DFL);
}
// The statements must be ended by a fault.
#define MUST_FAULT(name, ...)                                                     \
  do {                                                                            \
    attack_catch();                                                               \
    int attack_signal = sigsetjmp(attack_jump, 1);                                \
    if (attack_signal == 0) {                                                     \
      __VA_ARGS__;                                                                \
      say_done(name);                                                             \
    } else {                                                                      \
      char attack_how[16];                                                        \
      snprintf(attack_how, sizeof attack_how, "SIG%s", sigabbrev_np(attack_signal)); \
      say_stopped(name, attack_how);                                              \
    }                                                                             \
  } while (0)

// The statements run in a child, for what may take the whole process along. A child that comes to their end has
// done it; one that dies or calls _exit(not 0) was stopped.
#define IN_CHILD(name, ...)                                                                         \
  do {                                                                                              \
    fflush(stdout);                                                                                 \
    pid_t attack_child = fork();                                                                    \
    if (attack_child == 0) {                                                                        \
      attack_forget();                                                                              \
      __VA_ARGS__;                                                                                  \
      _exit(0);                                                                                     \
    }                                                                                               \
    int attack_status = -1;                                                                         \
    char attack_end[24];                                                                            \
    if (attack_child < 0 || waitpid(attack_child, &attack_status, 0) < 0) {                         \
      printf("control %s %s\n", name, error_name());                                                \
    } else if (attack_status == 0) {                                                                \
      say_done(name);                                                                               \
    } else {                                                                                        \
      if (WIFSIGNALED(attack_status))                                                               \
        snprintf(attack_end, sizeof attack_end, "SIG%s", sigabbrev_np(WTERMSIG(attack_status)));    \
      else                                                                                          \
        snprintf(attack_end, sizeof attack_end, "exit-%d", WEXITSTATUS(attack_status));             \
      say_stopped(name, attack_end);                                                                \
    }                                                                                               \
  } while (0)

// What the judge tells an attack: ATTACK_SECRET, a file's path; ATTACK_VICTIM and ATTACK_NODE, pids of the host;
// ATTACK_PORT, a TCP port of the host's loopback; ATTACK_ABSTRACT, an abstract socket's name.
static inline const char* told(const char* name) {
  const char* value = getenv(name);
  if (!value) {
    fprintf(stderr, "%s is not set: run this by the judge (corpus/README.md)\n", name);
    exit(2);
  }
  return value;
}
static inline long told_number(const char* name) { return atol(told(name)); }

// Races are run by the clock, as threads need time to meet: true until `seconds` are over since the first call.
#include <time.h>
static inline int for_seconds(double seconds) {
  static double end;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double at = now.tv_sec + now.tv_nsec / 1e9;
  if (end == 0) end = at + seconds;
  return at < end;
}

// What was stored before is in memory for other threads and the kernel, for `rounds` of a loop.
static inline void linger(int rounds) {
  for (int i = 0; i < rounds; i++) __asm__ volatile("" ::: "memory");
}

// The highest page that mmap gives with a fixed place, filled with 'a'; MAP_FAILED without one.
static inline char* page_near_the_end(void) {
  char* page = MAP_FAILED;
  for (uintptr_t top = ARENA_END - 4096; top > ARENA_END - 4097 * 4096 && page == MAP_FAILED; top -= 4096)
    page = mmap((void*)top, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (page != MAP_FAILED) memset(page, 'a', 4096);
  return page;
}

static inline long write_file(const char* path, const void* bytes, size_t length) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = write(fd, bytes, length);
  int error = errno;
  close(fd);
  errno = error;
  return n == (ssize_t)length ? 0 : -1;
}
// Bytes read, or -1; no bytes are ENODATA.
static inline long read_file(const char* path, void* bytes, size_t length) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  ssize_t n = read(fd, bytes, length);
  int error = n == 0 ? ENODATA : errno;
  close(fd);
  errno = error;
  return n > 0 ? n : -1;
}

// Numbers of the descriptors that the host knows of this very process, for attacks with `@reads descriptors`.
static inline int read_descriptors(int* numbers, int most) {
  printf("descriptors?\n");
  fflush(stdout);
  char line[256];
  int count = 0;
  while (fgets(line, sizeof line, stdin) && line[0] != '.')
    if (count < most) numbers[count++] = atoi(line);
  return count;
}

// Mappings of this very process as the host knows them, for attacks with `@reads maps`: the judge writes them to
// stdin as "start end name" and a line "."; in a process without a monitor they are the program's own.
typedef struct {
  uintptr_t start, end;
  char name[64];
} Mapping;
static inline int read_mappings(Mapping* mappings, int most) {
  printf("maps?\n");
  fflush(stdout);
  char line[256];
  int count = 0;
  while (fgets(line, sizeof line, stdin) && line[0] != '.') {
    Mapping m = {0};
    if (sscanf(line, "%lx %lx %63s", &m.start, &m.end, m.name) >= 2 && count < most) mappings[count++] = m;
  }
  return count;
}

// For attacks with `@injected gate`: the judge has a child of this process, which waits in read(2), make call `number` of the
// host past the gate, as a monitor would that somebody has taken over. Arguments are numbers, or addresses of this program,
// which are the monitor's too. It worked when the host's kernel answered, whatever that was. Where it did not, this program is
// ended as well, and the judge says so; it is then run again for the next attempt: ATTACK_TURN is the one to make, all without it.
static inline void taken_over(const char* name, long number, const long arguments[6]) {
  static int made;
  const char* turn = getenv("ATTACK_TURN");
  const int now = made++;
  if (turn && now != atoi(turn)) return;
  int gate[2];
  char line[256] = "failed";
  pid_t child = pipe(gate) == 0 ? fork() : -1;
  if (child == 0) {
    char byte;
    close(gate[1]);
    read(gate[0], &byte, 1);
    _exit(0);
  }
  if (child > 0) {
    printf("inject? %ld", number);
    for (int i = 0; i < 6; i++) printf(" %ld", arguments[i]);
    printf(" %s\n", name);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) strcpy(line, "failed");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  close(gate[0]);
  close(gate[1]);
  if (strncmp(line, "result ", 7) == 0) {
    say_done(name);
  } else if (strncmp(line, "killed ", 7) != 0) {
    printf("control %s failed\n", name);
    fprintf(stderr, "%s: %s", name, line);
  }
}
#define TAKEN_OVER(name, number, ...) taken_over(name, number, (long[6]){__VA_ARGS__})
