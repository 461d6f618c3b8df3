// Shows: file leases, their breaking and its time limit; open-file-description locks; F_NOTIFY; signals of F_SETSIG with F_SETOWN and F_SETOWN_EX to processes, groups and threads.
// run: both ; timeout 90s
#include <sys/file.h>
#include <sys/socket.h>

#include "guest.h"

static volatile int hits, last_code, last_fd, last_band;
static volatile pid_t last_thread;
static void on_signal(int signo UNUSED, siginfo_t* info, void* context UNUSED) {
  last_code = info->si_code;
  last_fd = info->si_fd;
  last_band = (int)info->si_band;
  last_thread = (pid_t)syscall(SYS_gettid);
  hits++;  // last: another thread waits for it
}
static void handle(int signo) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  MUST(sigaction(signo, &action, NULL));
}
// Waits for signal number `count`.
static void await(int count) {
  for (int i = 0; i < 20000 && hits < count; i++) usleep(1000);
}

static void taking(void) {
  MUST(close(MUST(open("file", O_CREAT | O_RDWR, 0600))));
  static const struct {
    const char* name;
    int flags;
  } kOpens[] = {{"reader", O_RDONLY}, {"writer", O_WRONLY}, {"both", O_RDWR}, {"path", O_PATH}};
  static const short kTypes[] = {F_RDLCK, F_WRLCK, F_UNLCK, 3, -1};
  for (unsigned o = 0; o < 4; o++) {
    for (unsigned t = 0; t < 5; t++) {
      const int fd = MUST(open("file", kOpens[o].flags));
      const int r = fcntl(fd, F_SETLEASE, kTypes[t]);
      printf("%s %d: %s", kOpens[o].name, kTypes[t], r < 0 ? errno_name(errno) : "ok");
      const int now = fcntl(fd, F_GETLEASE);
      printf(", now %d %s\n", now, now < 0 ? errno_name(errno) : "");
      close(fd);
    }
  }
  // Another open file stands in the way of a write lease, a writer in that of a read lease.
  const int first = MUST(open("file", O_RDONLY)), second = MUST(open("file", O_RDONLY));
  SHOW(fcntl(first, F_SETLEASE, F_WRLCK));
  SHOW(fcntl(first, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(second, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(first, F_SETLEASE, F_WRLCK));
  const int copy = MUST(dup(first));
  SHOW(fcntl(copy, F_GETLEASE));
  SHOW(fcntl(copy, F_SETLEASE, F_UNLCK));
  SHOW(fcntl(first, F_GETLEASE));
  close(second);
  SHOW(fcntl(first, F_SETLEASE, F_WRLCK));
  SHOW(fcntl(first, F_SETLEASE, F_RDLCK));
  close(copy);
  close(first);
  static const char* kOthers[] = {".", "/dev/null", "/proc/self/comm"};
  for (unsigned i = 0; i < 3; i++) {
    const int fd = MUST(open(kOthers[i], O_RDONLY));
    const int r = fcntl(fd, F_SETLEASE, F_RDLCK);
    printf("%s: %s\n", kOthers[i], r < 0 ? errno_name(errno) : "ok");
    close(fd);
  }
  int pipes[2];
  MUST(pipe(pipes));
  SHOW(fcntl(pipes[0], F_SETLEASE, F_RDLCK));
  close(pipes[0]);
  close(pipes[1]);
}

static void breaking(int signo) {
  handle(SIGIO);
  if (signo) handle(signo);
  for (int how = 0; how < 6; how++) {
    hits = 0;
    const int fd = MUST(open("file", how < 3 ? O_RDONLY : O_RDWR));
    if (signo) MUST(fcntl(fd, F_SETSIG, signo));
    MUST(fcntl(fd, F_SETLEASE, how < 3 ? F_RDLCK : F_WRLCK));
    pid_t child = MUST(fork());
    if (child == 0) {
      close(fd);
      static const int kFlags[] = {O_RDONLY | O_NONBLOCK, O_WRONLY | O_NONBLOCK, O_WRONLY, O_RDONLY | O_NONBLOCK, O_RDONLY, O_WRONLY | O_TRUNC};
      const int other = open("file", kFlags[how]);
      _exit(other < 0 ? errno : 100);
    }
    if (how != 0) await(1);
    if (how == 2 || how == 4 || how == 5) {  // they wait
      printf("breaking: now %d\n", fcntl(fd, F_GETLEASE));
      SHOW(fcntl(fd, F_SETLEASE, F_UNLCK));
    }
    printf("how %d: signals %d", how, hits);
    if (hits) printf(" code %d ours %d band %x", last_code, last_fd == fd, last_band);
    puts("");
    reap("opener", child);
    printf("lease %d\n", fcntl(fd, F_GETLEASE));
    close(fd);
  }
}

static void description_locks(void) {
  const int a = MUST(open("file", O_RDWR)), b = MUST(open("file", O_RDWR)), c = MUST(dup(a));
  static const struct {
    int who, command, type, start, length;
  } kSteps[] = {{0, F_OFD_SETLK, F_WRLCK, 0, 10}, {1, F_OFD_SETLK, F_WRLCK, 5, 1}, {2, F_OFD_SETLK, F_WRLCK, 5, 1},
                {1, F_OFD_SETLK, F_RDLCK, 10, 10}, {0, F_OFD_SETLK, F_RDLCK, 15, 10}, {1, F_OFD_GETLK, F_WRLCK, 0, 0},
                {0, F_OFD_GETLK, F_WRLCK, 0, 0}, {0, F_SETLK, F_WRLCK, 0, 1}, {0, F_SETLK, F_WRLCK, 30, 1},
                {0, F_GETLK, F_WRLCK, 0, 0}, {1, F_OFD_GETLK, F_WRLCK, 30, 1}, {1, F_OFD_SETLK, F_WRLCK, 30, 1},
                {0, F_OFD_SETLK, F_UNLCK, 2, 3}, {1, F_OFD_SETLK, F_WRLCK, 2, 3}, {1, F_OFD_SETLK, F_WRLCK, 2, 4},
                {0, F_OFD_SETLK, F_RDLCK, 0, 2}, {1, F_OFD_SETLK, F_RDLCK, 0, 2}, {2, F_OFD_SETLK, F_WRLCK, 0, 2}};
  const int fds[] = {a, b, c};
  for (unsigned i = 0; i < sizeof kSteps / sizeof *kSteps; i++) {
    struct flock lock = {.l_type = (short)kSteps[i].type, .l_start = kSteps[i].start, .l_len = kSteps[i].length};
    const int r = fcntl(fds[kSteps[i].who], kSteps[i].command, &lock);
    printf("%c %d %d [%d,%d): %s", "abc"[kSteps[i].who], kSteps[i].command, kSteps[i].type, kSteps[i].start, kSteps[i].length, r < 0 ? errno_name(errno) : "ok");
    if (kSteps[i].command == F_OFD_GETLK || kSteps[i].command == F_GETLK) printf(" %d %ld %ld own %d none %d", lock.l_type, lock.l_start, lock.l_len, lock.l_pid == getpid(), lock.l_pid == -1);
    puts("");
  }
  // A child has the description, so no lock is in its way; the last descriptor's end frees.
  pid_t child = MUST(fork());
  if (child == 0) {
    struct flock lock = {.l_type = F_WRLCK, .l_start = 6, .l_len = 1};
    SHOW(fcntl(a, F_OFD_SETLK, &lock));
    SHOW(fcntl(b, F_OFD_SETLK, &lock));
    _exit(0);
  }
  reap("child", child);
  struct flock lock = {.l_type = F_WRLCK, .l_start = 6, .l_len = 1};
  close(a);
  SHOW(fcntl(b, F_OFD_SETLK, &lock));
  close(c);
  SHOW(fcntl(b, F_OFD_SETLK, &lock));
  // One who waits in another process, until the lock is given up; a signal ends another's waiting.
  child = MUST(fork());
  if (child == 0) {
    const int own = MUST(open("file", O_RDWR));
    lock.l_pid = 0;
    _exit(fcntl(own, F_OFD_SETLKW, &lock) ? errno : 7);
  }
  usleep(20000);
  lock.l_type = F_UNLCK;
  SHOW(fcntl(b, F_OFD_SETLK, &lock));
  reap("waiter", child);
  lock.l_type = F_WRLCK;
  SHOW(fcntl(b, F_OFD_SETLK, &lock));
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  MUST(sigaction(SIGALRM, &action, NULL));
  for (int kind = 0; kind < 3; kind++) {
    const int own = MUST(open("file", O_RDWR));
    MUST(flock(b, LOCK_EX));
    ualarm(20000, 20000);  // again and again: the first may come before the call
    if (kind == 0) SHOW(fcntl(own, F_OFD_SETLKW, &lock));
    if (kind == 1) SHOW(flock(own, LOCK_SH));
    if (kind == 2) SHOW(fcntl(own, F_SETLKW, &lock));
    ualarm(0, 0);
    close(own);
  }
  close(b);
}

static void notify(void) {
  MUST(mkdir("dir", 0700));
  const int fd = MUST(open("dir", O_RDONLY)), file = MUST(open("file", O_RDWR));
  handle(SIGRTMIN + 3);
  MUST(fcntl(fd, F_SETSIG, SIGRTMIN + 3));
  for (int bit = 0; bit < 32; bit++) {
    const long r = syscall(SYS_fcntl, fd, F_NOTIFY, 1u << bit);
    if (r < 0) printf("notify %d: %s\n", bit, errno_name(errno));
  }
  SHOW(syscall(SYS_fcntl, fd, F_NOTIFY, 0));
  SHOW(fcntl(file, F_NOTIFY, DN_MODIFY));
  hits = 0;
  SHOW(fcntl(fd, F_NOTIFY, DN_CREATE));
  close(MUST(open("dir/a", O_CREAT | O_RDWR, 0600)));
  await(1);
  close(MUST(open("dir/b", O_CREAT | O_RDWR, 0600)));
  printf("once: %d ours %d code %d\n", hits, last_fd == fd, last_code);
  SHOW(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_DELETE | DN_RENAME | DN_ATTRIB | DN_MODIFY | DN_ACCESS));
#define EVENT(call)                    \
  do {                                 \
    const int told = hits;             \
    MUST(call);                        \
    await(told + 1);                   \
    usleep(2000);                      \
    printf("%s: %d\n", #call, hits - told); \
  } while (0)
  EVENT(rename("dir/a", "dir/c"));
  EVENT(chmod("dir/c", 0640));
  const int inside = MUST(open("dir/c", O_RDWR));
  EVENT(write(inside, "x", 1));
  char byte;
  EVENT(pread(inside, &byte, 1, 0));
  EVENT(unlink("dir/c"));
  close(inside);
  close(fd);
  const int before = hits;
  MUST(unlink("dir/b"));
  printf("after its end: %d\n", hits - before);
  close(file);
}

static volatile pid_t thread_id;
static volatile int thread_ends;
static void* waits(void* unused UNUSED) {
  thread_id = (pid_t)syscall(SYS_gettid);
  while (!thread_ends) usleep(1000);
  return NULL;
}

static void owners(void) {
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  const int signals[] = {0, SIGIO, SIGUSR2, SIGRTMIN + 4};
  pthread_t thread;
  pthread_create(&thread, NULL, waits, NULL);
  while (!thread_id) usleep(1000);
  for (unsigned s = 0; s < 4; s++) {
    handle(signals[s] ? signals[s] : SIGIO);
    MUST(fcntl(pair[0], F_SETSIG, signals[s]));
    for (int type = 0; type < 3; type++) {
      struct f_owner_ex owner = {type, type == F_OWNER_TID ? thread_id : type == F_OWNER_PID ? getpid() : getpgrp()};
      MUST(fcntl(pair[0], F_SETOWN_EX, &owner));
      MUST(fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK));
      hits = 0;
      last_fd = last_band = -1;
      MUST(write(pair[1], "x", 1));
      await(1);
      printf("signal %u owner %d: code %d", s, type, last_code > 0);
      if (signals[s]) printf(" %d ours %d band %x", last_code, last_fd == pair[0], last_band);
      if (type == F_OWNER_TID) printf(" the thread's %d", last_thread == thread_id);
      puts("");
      char text[4];
      MUST(read(pair[0], text, 4));
      MUST(fcntl(pair[0], F_SETFL, 0));
    }
  }
  thread_ends = 1;
  pthread_join(thread, NULL);
  handle(SIGURG);
  MUST(fcntl(pair[0], F_SETOWN, -getpgrp()));
  SHOW(fcntl(pair[0], F_GETOWN) == -getpgrp());
}

int main(void) {
  setpgid(0, 0);
  scratch();
  if (geteuid() == 0) {
    MUST(chmod(".", 0777));
    MUST(setresgid(65534, 65534, 65534));
    MUST(setresuid(65534, 65534, 65534));
  }
  taking();
  breaking(0);
  breaking(SIGRTMIN + 2);
  description_locks();
  notify();
  owners();
  return guest_failed();
}
