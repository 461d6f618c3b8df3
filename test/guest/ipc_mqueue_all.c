// Shows: POSIX message queues by the system calls: names, flags, limits, attributes, order of messages and of errors, waiting and signals, notification of each kind.
// run: both ; timeout 60s
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "guest.h"

static char name[64];

static long mq_open_raw(const char* path, int flags, unsigned mode, const void* attr) {
  return syscall(SYS_mq_open, path, flags, mode, attr);
}
static long send_raw(long q, const void* text, size_t n, unsigned priority, const void* limit) {
  return syscall(SYS_mq_timedsend, q, text, n, priority, limit);
}
static long receive_raw(long q, void* text, size_t n, void* priority, const void* limit) {
  return syscall(SYS_mq_timedreceive, q, text, n, priority, limit);
}

static void attributes(long q, const char* what) {
  struct mq_attr a = {0};
  const long r = syscall(SYS_mq_getsetattr, q, NULL, &a);
  printf("%s: %ld flags %lx max %ld size %ld now %ld\n", what, r, a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
}

static void opening(void) {
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  long_name[299] = 0;
  const char* names[] = {"", "/", "a/b", "/a", ".", "..", long_name, NULL, (char*)8, (char*)-4096l, "absent"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    printf("name %u: ", i);
    SHOW(mq_open_raw(names[i], O_RDWR, 0, NULL));
    SHOW(syscall(SYS_mq_unlink, names[i]));
  }
  long_name[256] = 0;
  SHOW(mq_open_raw(long_name, O_RDWR, 0, NULL));
  long_name[255] = 0;
  SHOW(mq_open_raw(long_name, O_RDWR, 0, NULL));
  static const struct {
    long max, size, flags;
  } kSizes[] = {{0, 0, 0},       {0, 8, 0},        {8, 0, 0},        {-1, 8, 0},           {8, -1, 0},
                {1, 1, 0},       {10, 8192, 0},    {11, 8192, 0},    {10, 8193, 0},        {1 << 16, 8, 0},
                {65537, 8, 0},   {8, 1 << 24, 0},  {8, 1 << 25, 0},  {LONG_MAX, 8, 0},     {8, LONG_MAX, 0},
                {2, 16, O_NONBLOCK}, {2, 16, 0x7777}, {INT_MAX, 1, 0}, {0x100000001, 8, 0}, {8, 0x100000008, 0}};
  for (unsigned i = 0; i < sizeof kSizes / sizeof *kSizes; i++) {
    struct mq_attr a = {.mq_flags = kSizes[i].flags, .mq_maxmsg = kSizes[i].max, .mq_msgsize = kSizes[i].size};
    const long q = mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a);
    printf("%ld %ld: %s\n", kSizes[i].max, kSizes[i].size, q < 0 ? errno_name(errno) : "ok");
    if (q < 0) continue;
    attributes(q, "made");
    close((int)q);
    MUST(syscall(SYS_mq_unlink, name));
  }
  SHOW(mq_open_raw(name, O_RDWR | O_CREAT, 0600, (void*)8));
  SHOW(mq_open_raw(name, O_RDWR | O_CREAT, 0600, (void*)-4096l));
  SHOW(mq_open_raw(name, O_RDWR, 0600, (void*)8));
  long q = mq_open_raw(name, O_RDWR | O_CREAT, 0600, NULL);
  attributes(q, "default");
  printf("close on exec %d\n", fcntl((int)q, F_GETFD));
  close((int)q);
  for (int bit = 0; bit < 24; bit++) {
    if (1 << bit == O_NOFOLLOW) continue;  // F_GETFL never shows it (docs/syscalls.md)
    q = mq_open_raw(name, O_RDWR | 1 << bit, 0600, NULL);
    printf("flag %x: %s", 1 << bit, q < 0 ? errno_name(errno) : "ok");
    if (q >= 0) printf(" %x %x", fcntl((int)q, F_GETFL) & ~0x8000, fcntl((int)q, F_GETFD));
    puts("");
    if (q >= 0) close((int)q);
  }
  SHOW(mq_open_raw(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
  static const int kModes[] = {0, 0400, 0200, 0600};
  for (unsigned i = 0; i < 4; i++) {
    MUST(syscall(SYS_mq_unlink, name));
    q = mq_open_raw(name, O_RDWR | O_CREAT, (unsigned)kModes[i], NULL);
    close((int)q);
    for (int access = 0; access < 4; access++) {
      q = mq_open_raw(name, access, 0, NULL);
      printf("mode %o access %d: %s\n", kModes[i], access, q < 0 ? errno_name(errno) : "ok");
      if (q < 0) continue;
      char text[9000];
      SHOW(send_raw(q, "x", 1, 0, NULL));
      SHOW(receive_raw(q, text, sizeof text, NULL, &(struct timespec){0}));
      close((int)q);
    }
  }
  MUST(syscall(SYS_mq_unlink, name));
  struct rlimit limit = {1000, 1000};
  pid_t pid = MUST(fork());
  if (pid == 0) {
    MUST(setrlimit(RLIMIT_MSGQUEUE, &limit));
    struct mq_attr a = {.mq_maxmsg = 8, .mq_msgsize = 128};
    SHOW(mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a));
    a.mq_msgsize = 1;
    SHOW(mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a) >= 0);
    SHOW(mq_open_raw("second-queue-of-barchan", O_RDWR | O_CREAT, 0600, &a));
    SHOW(syscall(SYS_mq_unlink, name));
    _exit(0);
  }
  reap("limited", pid);
}

static void messages(void) {
  struct mq_attr a = {.mq_maxmsg = 6, .mq_msgsize = 16};
  const long q = MUST(mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a));
  const long reader = MUST(mq_open_raw(name, O_RDONLY | O_NONBLOCK, 0, NULL));
  const long writer = MUST(mq_open_raw(name, O_WRONLY | O_NONBLOCK, 0, NULL));
  char text[32] = "";
  unsigned priority = 77;
  const struct timespec past = {0}, odd[] = {{0, -1}, {0, 1000000000}, {-1, 0}};
  // The order of the errors: time limit, descriptor, mode, size, memory.
  SHOW(send_raw(-1, text, 100, 40000, odd));
  SHOW(send_raw(-1, text, 100, 0, odd));
  SHOW(send_raw(-1, text, 100, 0, (void*)8));
  SHOW(send_raw(99, text, 100, 0, NULL));
  SHOW(send_raw(1, text, 100, 0, NULL));
  SHOW(send_raw(20010, text, 1, 0, NULL));
  SHOW(send_raw(reader, text, 100, 0, NULL));
  SHOW(send_raw(reader, text, 100, 0, odd));
  SHOW(send_raw(q, text, 17, 0, NULL));
  SHOW(send_raw(q, (void*)8, 17, 0, NULL));
  SHOW(send_raw(q, (void*)8, 16, 0, NULL));
  SHOW(send_raw(q, (void*)-4096l, 16, 0, NULL));
  SHOW(send_raw(q, text, (size_t)-1, 0, NULL));
  SHOW(send_raw(q, text, 1, 32768, NULL));
  SHOW(send_raw(q, text, 1, (unsigned)-1, NULL));
  for (unsigned i = 0; i < 3; i++) SHOW(send_raw(q, text, 1, 0, odd + i));
  SHOW(receive_raw(-1, text, 1, &priority, odd));
  SHOW(receive_raw(99, text, 1, &priority, NULL));
  SHOW(receive_raw(1, text, 1, &priority, NULL));
  SHOW(receive_raw(20010, text, 16, &priority, NULL));
  SHOW(receive_raw(writer, text, 1, &priority, NULL));
  SHOW(receive_raw(q, text, 15, &priority, NULL));
  SHOW(receive_raw(reader, text, 16, &priority, NULL));
  SHOW(receive_raw(reader, text, 16, &priority, odd));
  SHOW(receive_raw(q, text, 16, &priority, &past));
  for (unsigned i = 0; i < 3; i++) SHOW(receive_raw(q, text, 16, &priority, odd + i));
  printf("priority untouched %u\n", priority);
  static const unsigned kPriorities[] = {3, 32767, 0, 3, 7, 3};
  for (unsigned i = 0; i < 6; i++) {
    snprintf(text, sizeof text, "message %u", i);
    SHOW(send_raw(q, text, strlen(text), kPriorities[i], NULL));
  }
  attributes(q, "full");
  SHOW(send_raw(writer, text, 1, 0, NULL));
  SHOW(send_raw(q, text, 1, 0, &past));
  SHOW(send_raw(q, text, 1, 0, odd));
  struct pollfd p[2] = {{.fd = (int)q, .events = POLLIN | POLLOUT}, {.fd = (int)reader, .events = POLLIN | POLLOUT}};
  SHOW(poll(p, 2, 0));
  printf("%x %x\n", p[0].revents, p[1].revents);
  for (int i = 0; i < 6; i++) {
    memset(text, 0, sizeof text);
    const long n = receive_raw(q, text, sizeof text, &priority, NULL);
    printf("%ld %s %u\n", n, text, priority);
  }
  SHOW(poll(p, 2, 0));
  printf("%x %x\n", p[0].revents, p[1].revents);
  // Where memory fails, the message is gone.
  SHOW(send_raw(q, "", 0, 1, NULL));
  SHOW(receive_raw(q, (void*)8, 16, NULL, NULL));
  SHOW(send_raw(q, "abc", 3, 1, NULL));
  SHOW(receive_raw(q, (void*)8, 16, NULL, NULL));
  SHOW(send_raw(q, "abc", 3, 1, NULL));
  SHOW(receive_raw(q, text, 16, (void*)8, NULL));
  SHOW(send_raw(q, "abc", 3, 1, NULL));
  SHOW(receive_raw(q, (void*)-4096l, 16, NULL, NULL));
  attributes(q, "after faults");
  while (receive_raw(reader, text, 16, NULL, NULL) >= 0) {
  }
  // The status as a file.
  SHOW(send_raw(q, "abc", 3, 1, NULL));
  char status[128] = "";
  SHOW(pread((int)q, status, sizeof status - 1, 0));
  fputs(status, stdout);
  SHOW(write((int)q, "x", 1));
  SHOW(lseek((int)q, 0, SEEK_SET));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_SHARED, (int)q, 0) == MAP_FAILED);
  struct stat st;
  SHOW(fstat((int)q, &st));
  printf("mode %o size %ld links %ld\n", st.st_mode, st.st_size, (long)st.st_nlink);
  // Attributes.
  struct mq_attr new = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 1, .mq_msgsize = 1}, old;
  SHOW(syscall(SYS_mq_getsetattr, q, &new, &old));
  printf("old %lx\n", old.mq_flags);
  attributes(q, "changed");
  new.mq_flags = O_NONBLOCK | O_APPEND;
  SHOW(syscall(SYS_mq_getsetattr, q, &new, &old));
  new.mq_flags = -1;
  SHOW(syscall(SYS_mq_getsetattr, q, &new, NULL));
  new.mq_flags = 0;
  SHOW(syscall(SYS_mq_getsetattr, q, &new, (void*)8));
  attributes(q, "and back");
  SHOW(syscall(SYS_mq_getsetattr, q, (void*)8, &old));
  SHOW(syscall(SYS_mq_getsetattr, 1, NULL, &old));
  SHOW(syscall(SYS_mq_getsetattr, 99, (void*)8, &old));
  SHOW(syscall(SYS_mq_getsetattr, 20010, NULL, &old));
  SHOW(syscall(SYS_mq_getsetattr, q, NULL, NULL));
  close((int)reader);
  close((int)writer);
  SHOW(syscall(SYS_mq_unlink, name));
  SHOW(syscall(SYS_mq_unlink, name));
  SHOW(send_raw(q, "still there", 11, 1, NULL));
  close((int)q);
}

static volatile int signals, value, code, sender;
static void on_signal(int signo UNUSED, siginfo_t* info, void* context UNUSED) {
  signals++;
  value = info->si_value.sival_int;
  code = info->si_code;
  sender = info->si_pid;
}

static void waiting(void) {
  struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 16};
  const long q = MUST(mq_open_raw(name, O_RDWR | O_CREAT, 0600, &a));
  char text[16];
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  // Again and again: the first may come before the call.
  struct itimerval soon = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000}, never = {0};
  for (int restart = 0; restart < 2; restart++) {
    action.sa_flags = SA_SIGINFO | (restart ? SA_RESTART : 0);
    MUST(sigaction(SIGALRM, &action, NULL));
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += restart ? 1 : 100;
    signals = 0;
    MUST(setitimer(ITIMER_REAL, &soon, NULL));
    SHOW(receive_raw(q, text, 16, NULL, &limit));
    MUST(setitimer(ITIMER_REAL, &never, NULL));
    MUST(send_raw(q, "full", 4, 0, NULL));
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += restart ? 1 : 100;
    MUST(setitimer(ITIMER_REAL, &soon, NULL));
    SHOW(send_raw(q, text, 16, 0, &limit));
    MUST(setitimer(ITIMER_REAL, &never, NULL));
    printf("signals %d\n", signals > 0);
    MUST(receive_raw(q, text, 16, NULL, NULL));
  }
  // A message goes to who waits, without a notification; a sender that waits goes on in order.
  pid_t child = MUST(fork());
  if (child == 0) {
    usleep(20000);
    MUST(send_raw(q, "to the waiting", 14, 5, NULL));
    MUST(send_raw(q, "second", 6, 1, NULL));
    MUST(send_raw(q, "third", 5, 9, NULL));
    _exit(0);
  }
  for (int i = 0; i < 3; i++) {
    unsigned priority;
    const long n = receive_raw(q, text, 16, &priority, NULL);
    printf("%.*s %u\n", (int)n, text, priority);
    if (i == 0) usleep(20000);
  }
  reap("sender", child);
  close((int)q);
  MUST(syscall(SYS_mq_unlink, name));
}

static void notification(void) {
  struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 16};
  const long q = MUST(mq_open_raw(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a));
  char text[16];
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  action.sa_flags |= SA_RESTART;
  MUST(sigaction(SIGUSR1, &action, NULL));
  signals = 0;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 40};
  static const int kKinds[] = {SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, 3, SIGEV_THREAD_ID, -1, 77};
  for (unsigned i = 0; i < sizeof kKinds / sizeof *kKinds; i++) {
    static const int kSignals[] = {0, SIGUSR1, 64, 65, -1};
    for (unsigned j = 0; j < 5; j++) {
      struct sigevent odd = {.sigev_notify = kKinds[i], .sigev_signo = kSignals[j]};
      const long r = syscall(SYS_mq_notify, q, &odd);
      printf("kind %d signal %d: %s\n", kKinds[i], kSignals[j], r < 0 ? errno_name(errno) : "ok");
      if (r == 0) MUST(syscall(SYS_mq_notify, q, NULL));
    }
  }
  SHOW(syscall(SYS_mq_notify, q, NULL));
  SHOW(syscall(SYS_mq_notify, q, 8));
  SHOW(syscall(SYS_mq_notify, -1, &event));
  SHOW(syscall(SYS_mq_notify, 1, &event));
  SHOW(syscall(SYS_mq_notify, 99, NULL));
  SHOW(syscall(SYS_mq_notify, 1, NULL));
  SHOW(syscall(SYS_mq_notify, 20010, NULL));
  SHOW(syscall(SYS_mq_notify, q, &event));
  pid_t child = MUST(fork());
  if (child == 0) {
    SHOW(syscall(SYS_mq_notify, q, &event));
    SHOW(syscall(SYS_mq_notify, q, NULL));
    SHOW(send_raw(q, "x", 1, 0, NULL));
    _exit(0);
  }
  reap("child", child);
  printf("signals %d value %d code %d from the child %d\n", signals, value, code, sender == child);
  SHOW(send_raw(q, "y", 1, 0, NULL));
  printf("signals %d\n", signals);
  SHOW(syscall(SYS_mq_notify, q, &event));
  SHOW(send_raw(q, "z", 1, 0, NULL));
  printf("signals %d, as the queue was not empty\n", signals);
  while (receive_raw(q, text, 16, NULL, NULL) >= 0) {
  }
  SHOW(send_raw(q, "z", 1, 0, NULL));
  printf("signals %d\n", signals);
  event.sigev_notify = SIGEV_NONE;
  while (receive_raw(q, text, 16, NULL, NULL) >= 0) {
  }
  SHOW(syscall(SYS_mq_notify, q, &event));
  SHOW(send_raw(q, "z", 1, 0, NULL));
  SHOW(syscall(SYS_mq_notify, q, &event));
  // Closing takes the notification away.
  const long other = MUST(mq_open_raw(name, O_RDWR, 0, NULL));
  SHOW(syscall(SYS_mq_notify, other, &event));
  MUST(close((int)q));
  SHOW(syscall(SYS_mq_notify, other, &event));
  // By a netlink socket, as a C library does for threads: a cookie of 32 bytes whose last says what happened.
  MUST(syscall(SYS_mq_notify, other, NULL));
  while (syscall(SYS_mq_timedreceive, other, text, 16, NULL, &(struct timespec){0}) >= 0) {
  }
  char cookie[32] = "the cookie";
  const int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_signo = link, .sigev_value.sival_ptr = cookie};
  SHOW(syscall(SYS_mq_notify, other, &event));
  SHOW(send_raw(other, "t", 1, 0, NULL));
  char got[64] = "";
  SHOW(recv(link, got, sizeof got, 0));
  printf("%s %d\n", got, got[31]);
  SHOW(receive_raw(other, text, 16, NULL, NULL));
  SHOW(syscall(SYS_mq_notify, other, &event));
  MUST(close((int)other));
  SHOW(recv(link, got, sizeof got, 0));
  printf("%s %d\n", got, got[31]);
  event.sigev_value.sival_ptr = (void*)8;
  const long last = MUST(mq_open_raw(name, O_RDWR, 0, NULL));
  SHOW(syscall(SYS_mq_notify, last, &event));
  event.sigev_value.sival_ptr = (void*)-4096l;
  SHOW(syscall(SYS_mq_notify, last, &event));
  event.sigev_value.sival_ptr = cookie;
  event.sigev_signo = (int)last;
  SHOW(syscall(SYS_mq_notify, last, &event));
  event.sigev_signo = 20010;
  SHOW(syscall(SYS_mq_notify, last, &event));
  event.sigev_signo = -1;
  SHOW(syscall(SYS_mq_notify, last, &event));
  MUST(syscall(SYS_mq_unlink, name));
}

int main(void) {
  snprintf(name, sizeof name, "guest-mqueue-all-%d", getpid());
  if (geteuid() == 0) {
    // A user of its own: the limit on bytes in queues is a user's.
    const unsigned user = 20000u + (unsigned)getpid() % 40000;
    MUST(setresgid(65534, 65534, 65534));
    MUST(setresuid(user, user, user));
  }
  opening();
  messages();
  waiting();
  notification();
  return guest_failed();
}
