// Shows: every command of fcntl on every kind of descriptor, with good and bad arguments.
// run: both ; timeout 60s
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "guest.h"

struct kind {
  const char* name;
  int fd;
};

static void show_results(const char* kind, int command, long const* r, const int* e, int count) {
  printf("%s %d:", kind, command);
  for (int i = 0; i < count; i++) {
    if (r[i] < 0) printf(" %s", errno_name(e[i]));
    else printf(" %lx", r[i]);
  }
  printf("\n");
}

static void commands(const struct kind* k) {
  for (int command = -1; command < 1060; command++) {
    if (command == 45) command = 1020;
    if (command == 7 || command == 38 || command == 14) continue;  // waiting ones, below
    long r[7];
    int e[7];
    for (int i = 0; i < 7; i++) {
      unsigned char memory[64] = {0};
      const unsigned long arguments[] = {0, 1, 3, -1ul, (unsigned long)memory, 8, -4096ul};
      unsigned long argument = arguments[i];
      // No signal shall come, and no state stay: not F_SETOWN, F_SETFL, F_SETSIG to anything, no seals.
      if ((command == F_SETOWN && i != 0) || (command == F_SETFL && i != 0) || command == F_ADD_SEALS) argument = 0;
      if (command == F_SETPIPE_SZ && (i == 4 || i == 3)) argument = 0;
      errno = 0;
      r[i] = syscall(SYS_fcntl, k->fd, command, argument);
      e[i] = errno;
      if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && r[i] >= 0) close((int)r[i]);
      if (command == F_GETFL) r[i] &= ~0x8000l;
    }
    int dull = 1;
    for (int i = 0; i < 7; i++) dull &= r[i] < 0 && (e[i] == EINVAL || e[i] == EBADF);
    if (!dull || command < 0) show_results(k->name, command, r, e, 7);
    syscall(SYS_fcntl, k->fd, F_SETLEASE, F_UNLCK);
    struct flock unlock = {.l_type = F_UNLCK};
    fcntl(k->fd, F_OFD_SETLK, &unlock);
    fcntl(k->fd, F_SETLK, &unlock);
    syscall(SYS_fcntl, k->fd, F_SETSIG, 0);
    syscall(SYS_fcntl, k->fd, F_SETFD, 0);
    if (command == F_NOTIFY) syscall(SYS_fcntl, k->fd, F_NOTIFY, 0);
  }
}

static void locks(int fd) {
  static const int kCommands[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, 1029};
  for (unsigned c = 0; c < sizeof kCommands / sizeof *kCommands; c++) {
    for (short type = -1; type < 6; type++) {
      for (short whence = -1; whence < 4; whence++) {
        struct flock lock = {.l_type = type, .l_whence = whence, .l_start = 1, .l_len = 10};
        errno = 0;
        long r = fcntl(fd, kCommands[c], &lock);
        printf("%d/%d/%d: %ld %s %d\n", kCommands[c], type, whence, r, r < 0 ? errno_name(errno) : "", lock.l_type);
      }
    }
    struct flock lock = {.l_type = F_WRLCK, .l_start = 5, .l_len = -3};
    SHOW(fcntl(fd, kCommands[c], &lock));
    lock.l_len = -30;
    SHOW(fcntl(fd, kCommands[c], &lock));
    lock.l_start = -1;
    SHOW(fcntl(fd, kCommands[c], &lock));
    lock.l_start = LONG_MAX;
    lock.l_len = 10;
    SHOW(fcntl(fd, kCommands[c], &lock));
    lock.l_pid = 7;
    lock.l_start = 0;
    SHOW(fcntl(fd, kCommands[c], &lock));
    lock.l_pid = 0;
    lock.l_type = F_UNLCK;
    lock.l_start = lock.l_len = 0;
    SHOW(fcntl(fd, kCommands[c], &lock));
    SHOW(fcntl(fd, kCommands[c], NULL));
    SHOW(fcntl(fd, kCommands[c], -4096l));
  }
}

static void owners(int fd) {
  int owner[2];
  SHOW(fcntl(fd, F_SETOWN, getpid()));
  SHOW(fcntl(fd, F_GETOWN) == getpid());
  SHOW(fcntl(fd, F_GETOWN_EX, owner));
  printf("%d %d\n", owner[0], owner[1] == getpid());
  for (int type = -1; type < 4; type++) {
    owner[0] = type;
    owner[1] = type == 0 ? gettid() : getpid();
    SHOW(fcntl(fd, F_SETOWN_EX, owner));
    SHOW(fcntl(fd, F_GETOWN_EX, owner));
    printf("%d %d\n", owner[0], owner[1] == getpid());
  }
  owner[0] = 1;
  owner[1] = 0x7ffffff0;
  SHOW(fcntl(fd, F_SETOWN_EX, owner));
  owner[1] = -5;
  SHOW(fcntl(fd, F_SETOWN_EX, owner));
  owner[1] = 0;
  SHOW(fcntl(fd, F_SETOWN_EX, owner));
  SHOW(fcntl(fd, F_SETOWN, INT_MIN));
  SHOW(fcntl(fd, F_SETOWN, 0));
  SHOW(fcntl(fd, F_SETSIG, SIGUSR1));
  SHOW(fcntl(fd, F_GETSIG));
  SHOW(fcntl(fd, F_SETSIG, 65));
  SHOW(fcntl(fd, F_SETSIG, 64));
  SHOW(fcntl(fd, F_SETSIG, 0));
  unsigned uids[2] = {7, 7};
  SHOW(fcntl(fd, 17, uids));
  printf("%u %u\n", uids[0], uids[1]);
}

static void seals(void) {
  int fd = MUST(memfd_create("x", 3)), plain = MUST(memfd_create("y", 0));
  SHOW(fcntl(fd, F_GET_SEALS));
  SHOW(fcntl(plain, F_GET_SEALS));
  SHOW(fcntl(plain, F_ADD_SEALS, 4));
  SHOW(fcntl(fd, F_ADD_SEALS, 0x100));
  MUST(ftruncate(fd, 8192));
  for (int seal = 1; seal < 0x40; seal <<= 1) {
    if (seal == 1) continue;
    SHOW(fcntl(fd, F_ADD_SEALS, seal));
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(ftruncate(fd, 4096));
    SHOW(ftruncate(fd, 16384));
    SHOW(write(fd, "x", 1));
    SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    SHOW(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
  }
  SHOW(fcntl(fd, F_ADD_SEALS, 1));
  SHOW(fcntl(fd, F_ADD_SEALS, 2));
}

int main(void) {
  for (int i = 3; i < 64; i++) close(i);
  signal(SIGIO, SIG_IGN);
  scratch();
  int pair[2], pipes[2];
  sigset_t none;
  sigemptyset(&none);
  struct kind kinds[] = {
      {"file", MUST(open("file", O_RDWR | O_CREAT, 0600))},
      {"reader", MUST(open("file", O_RDONLY))},
      {"path", MUST(open("file", O_PATH))},
      {"directory", MUST(open(".", O_RDONLY | O_DIRECTORY))},
      {"memfd", MUST(memfd_create("m", MFD_ALLOW_SEALING))},
      {"null", MUST(open("/dev/null", O_RDWR))},
      {"proc", MUST(open("/proc/self/comm", O_RDONLY))},
      {"eventfd", MUST(eventfd(0, 0))},
      {"epoll", MUST(epoll_create1(0))},
      {"timer", MUST(timerfd_create(CLOCK_MONOTONIC, 0))},
      {"signals", MUST(signalfd(-1, &none, 0))},
      {"inotify", MUST(inotify_init1(0))},
      {"pidfd", MUST((int)syscall(SYS_pidfd_open, getpid(), 0))},
      {"udp", MUST(socket(AF_INET, SOCK_DGRAM, 0))},
      {"unix", -2},
      {"pipe", -2},
      {"closed", 63},
      {"negative", -1},
      {"private", 20000},
  };
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  MUST(pipe(pipes));
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].name, "unix") == 0) kinds[i].fd = pair[0];
    if (strcmp(kinds[i].name, "pipe") == 0) kinds[i].fd = pipes[1];
    commands(&kinds[i]);
  }
  locks(kinds[0].fd);
  owners(pair[0]);
  seals();
  SHOW(fcntl(kinds[0].fd, 1024 + 3, kinds[0].fd));
  SHOW(fcntl(kinds[0].fd, 1024 + 3, kinds[1].fd));
  SHOW(fcntl(kinds[0].fd, 1024 + 3, 20000));
  SHOW(fcntl(kinds[0].fd, 1024 + 4));
  int fresh = MUST(open("fresh", O_RDWR | O_CREAT, 0600));
  SHOW(fcntl(fresh, 1024 + 4));
  uint64_t hint = 3;
  SHOW(fcntl(fresh, F_SET_RW_HINT, &hint));
  hint = 0;
  SHOW(fcntl(fresh, F_GET_RW_HINT, &hint));
  printf("%lu\n", hint);
  hint = 9;
  SHOW(fcntl(fresh, F_SET_RW_HINT, &hint));
  SHOW(fcntl(fresh, 1035, &hint));
  SHOW(fcntl(fresh, 1036, &hint));
  SHOW(fcntl(fresh, F_SETLEASE, F_WRLCK));
  SHOW(fcntl(fresh, F_GETLEASE));
  SHOW(fcntl(fresh, F_SETLEASE, F_UNLCK));
  return 0;
}
