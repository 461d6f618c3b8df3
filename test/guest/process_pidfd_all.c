// Shows: pidfd_open, pidfd_send_signal and waitid P_PIDFD with every flag, of processes, threads, zombies and strangers; polling; exact orders of errors; capget and capset versions; getrandom, close_range and sysinfo.
// run: both ; timeout 60s
#include <linux/capability.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sysinfo.h>

#include "guest.h"

#define CALL(...) SHOW(syscall(__VA_ARGS__))
enum { kThread = 0x80, kNonBlock = 0x800 };

static volatile int hits, value, code;
static volatile pid_t sender;
static void on_signal(int signo UNUSED, siginfo_t* info, void* context UNUSED) {
  hits++;
  value = info->si_value.sival_int;
  code = info->si_code;
  sender = info->si_pid;
}
static volatile pid_t thread_id;
static volatile int thread_ends;
static void* waits(void* unused UNUSED) {
  thread_id = (pid_t)syscall(SYS_gettid);
  while (!thread_ends) usleep(1000);
  return NULL;
}

static void opening(void) {
  for (int bit = 0; bit < 32; bit++) {
    const int fd = (int)syscall(SYS_pidfd_open, getpid(), 1u << bit);
    if (fd < 0 && errno == EINVAL) continue;
    printf("flag %x: %s", 1u << bit, fd < 0 ? errno_name(errno) : "ok");
    if (fd >= 0) printf(" %x %x", fcntl(fd, F_GETFL) & O_NONBLOCK, fcntl(fd, F_GETFD));
    puts("");
    close(fd);
  }
  CALL(SYS_pidfd_open, 0, 0);
  CALL(SYS_pidfd_open, -1, 0);
  CALL(SYS_pidfd_open, INT_MIN, 0);
  CALL(SYS_pidfd_open, -1, 0x1000);
  CALL(SYS_pidfd_open, INT_MAX, 0);
  CALL(SYS_pidfd_open, 4194305, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, waits, NULL);
  while (!thread_id) usleep(1000);
  SHOW(syscall(SYS_pidfd_open, thread_id, 0) >= 0);
  const int fd = (int)syscall(SYS_pidfd_open, thread_id, kThread);
  printf("of a thread: %s\n", fd < 0 ? errno_name(errno) : "ok");
  if (fd >= 0) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    SHOW(poll(&p, 1, 0));
    siginfo_t info;
    SHOW(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
    CALL(SYS_pidfd_send_signal, fd, 0, NULL, 0);
    thread_ends = 1;
    SHOW(poll(&p, 1, 10000));
    CALL(SYS_pidfd_send_signal, fd, 0, NULL, 0);
  }
  thread_ends = 1;
  pthread_join(thread, NULL);
}

static void sending(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  MUST(sigaction(SIGUSR1, &action, NULL));
  MUST(sigaction(SIGRTMIN + 1, &action, NULL));
  const int self = MUST((int)syscall(SYS_pidfd_open, getpid(), 0)), file = MUST(open("/dev/null", O_RDONLY)), proc = MUST(open("/proc/self", O_RDONLY | O_DIRECTORY));
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
  info.si_pid = getpid();
  info.si_value.sival_int = 42;
  CALL(SYS_pidfd_send_signal, self, SIGUSR1, NULL, 0);
  printf("%d code %d from me %d\n", hits, code, sender == getpid());
  CALL(SYS_pidfd_send_signal, self, SIGUSR1, &info, 0);
  printf("%d code %d value %d\n", hits, code, value);
  static const int kCodes[] = {SI_USER, SI_QUEUE, SI_TKILL, SI_TIMER, SI_KERNEL, 1, -60};
  for (unsigned i = 0; i < sizeof kCodes / sizeof *kCodes; i++) {
    info.si_code = kCodes[i];
    hits = 0;
    CALL(SYS_pidfd_send_signal, self, SIGUSR1, &info, 0);
    printf("%d code %d\n", hits, code);
  }
  info.si_code = SI_QUEUE;
  CALL(SYS_pidfd_send_signal, self, SIGUSR2, &info, 0);
  CALL(SYS_pidfd_send_signal, self, 0, NULL, 0);
  CALL(SYS_pidfd_send_signal, self, 65, NULL, 0);
  CALL(SYS_pidfd_send_signal, self, -1, NULL, 0);
  info.si_signo = 65;
  CALL(SYS_pidfd_send_signal, self, 65, &info, 0);
  CALL(SYS_pidfd_send_signal, self, SIGUSR1, 8, 0);
  CALL(SYS_pidfd_send_signal, self, SIGUSR1, -4096l, 0);
  for (int bit = 0; bit < 8; bit++) CALL(SYS_pidfd_send_signal, self, 0, NULL, 1u << bit);
  CALL(SYS_pidfd_send_signal, self, 0, NULL, 3);
  CALL(SYS_pidfd_send_signal, file, 0, NULL, 0);
  CALL(SYS_pidfd_send_signal, proc, 0, NULL, 0);
  CALL(SYS_pidfd_send_signal, 99, 0, NULL, 0);
  CALL(SYS_pidfd_send_signal, 20010, 0, NULL, 0);
  CALL(SYS_pidfd_send_signal, -1, 65, 8, 0);
  CALL(SYS_pidfd_send_signal, 99, SIGUSR1, 8, 16);
  CALL(SYS_pidfd_getfd, self, 0, 1);
  CALL(SYS_pidfd_getfd, 99, 0, 0);
  CALL(SYS_pidfd_getfd, file, 0, 0);
  pid_t child = MUST(fork());
  if (child == 0) {
    pause();
    _exit(0);
  }
  const int other = MUST((int)syscall(SYS_pidfd_open, child, 0));
  // No others' codes than what a queue has, to another process.
  info.si_signo = SIGUSR1;
  info.si_code = SI_USER;
  CALL(SYS_pidfd_send_signal, other, SIGUSR1, &info, 0);
  info.si_code = SI_TKILL;
  CALL(SYS_pidfd_send_signal, other, SIGUSR1, &info, 0);
  struct pollfd p = {.fd = other, .events = POLLIN | POLLHUP};
  SHOW(poll(&p, 1, 0));
  CALL(SYS_pidfd_send_signal, other, SIGKILL, NULL, 0);
  SHOW(poll(&p, 1, 10000));
  printf("%x\n", p.revents);
  CALL(SYS_pidfd_send_signal, other, SIGUSR1, NULL, 0);
  SHOW(syscall(SYS_pidfd_open, child, 0) >= 0);
  siginfo_t got = {0};
  SHOW(waitid(P_PIDFD, (id_t)other, &got, WEXITED | WNOWAIT));
  printf("%d %d %d\n", got.si_signo, got.si_code, got.si_status);
  SHOW(waitid(P_PIDFD, (id_t)other, &got, WEXITED));
  SHOW(waitid(P_PIDFD, (id_t)other, &got, WEXITED));
  SHOW(poll(&p, 1, 0));
  printf("%x\n", p.revents);
  CALL(SYS_pidfd_send_signal, other, 0, NULL, 0);
  CALL(SYS_pidfd_open, child, 0);
  close(other);
  close(self);
  close(file);
  close(proc);
}

static void waiting(void) {
  siginfo_t info;
  const int self = MUST((int)syscall(SYS_pidfd_open, getpid(), 0)), file = MUST(open("/dev/null", O_RDONLY));
  SHOW(waitid(P_PIDFD, (id_t)self, &info, WEXITED));
  SHOW(waitid(P_PIDFD, (id_t)file, &info, WEXITED));
  SHOW(waitid(P_PIDFD, 99, &info, WEXITED));
  SHOW(waitid(P_PIDFD, 20010, &info, WEXITED));
  SHOW(waitid(P_PIDFD, (id_t)-1, &info, WEXITED));
  SHOW(waitid(P_PIDFD, (id_t)self, &info, 0));
  SHOW(waitid(P_PIDFD, 99, &info, 0));
  SHOW(waitid(P_PIDFD, (id_t)self, &info, 0x10000));
  SHOW(waitid(5, (id_t)self, &info, WEXITED));
  pid_t child = MUST(fork());
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    raise(SIGSTOP);
    pause();
    _exit(0);
  }
  const int fd = MUST((int)syscall(SYS_pidfd_open, child, kNonBlock));
  // One that does not wait says EAGAIN while the child runs on.
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 || errno == EAGAIN);
  MUST(fcntl(fd, F_SETFL, 0));
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WSTOPPED));
  printf("%d %d\n", info.si_code, info.si_status);
  MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
  CALL(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
  MUST(fcntl(fd, F_SETFL, 0));
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WCONTINUED));
  printf("%d %d\n", info.si_code, info.si_status);
  const int set = MUST(epoll_create1(0));
  struct epoll_event event = {EPOLLIN, {.u32 = 7}};
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
  SHOW(epoll_wait(set, &event, 1, 0));
  MUST(kill(child, SIGKILL));
  SHOW(epoll_wait(set, &event, 1, 10000));
  SHOW(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
  char text[8];
  SHOW(read(fd, text, 8));
  SHOW(write(fd, text, 8));
  SHOW(lseek(fd, 0, SEEK_CUR) == 0 || errno == ESPIPE);
  close(fd);
  close(set);
  close(self);
  close(file);
}

static void capabilities(void) {
  static const unsigned kVersions[] = {_LINUX_CAPABILITY_VERSION_1, _LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_3, 0, 0x20260101, -1u};
  pid_t child = MUST(fork());
  if (child == 0) {
    for (unsigned v = 0; v < sizeof kVersions / sizeof *kVersions; v++) {
      static const int kPids[] = {0, -1, INT_MAX, INT_MIN};
      for (unsigned p = 0; p < 5; p++) {
        struct __user_cap_header_struct header = {kVersions[v], p < 4 ? kPids[p] : getppid()};
        struct __user_cap_data_struct data[2] = {{7, 7, 7}, {7, 7, 7}};
        long r = syscall(SYS_capget, &header, data);
        printf("version %x of %u: %s now %x; %x %x %x\n", kVersions[v], p, r < 0 ? errno_name(errno) : "ok", header.version, data[0].inheritable, data[0].effective == data[0].permitted, data[1].inheritable);
        header = (struct __user_cap_header_struct){kVersions[v], p < 4 ? kPids[p] : getppid()};
        CALL(SYS_capget, &header, NULL);
        printf("now %x\n", header.version);
        header = (struct __user_cap_header_struct){kVersions[v], p < 4 ? kPids[p] : getppid()};
        memset(data, 0, sizeof data);
        CALL(SYS_capset, &header, data);
        printf("now %x\n", header.version);
      }
    }
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    CALL(SYS_capget, NULL, NULL);
    CALL(SYS_capget, 8, data);
    CALL(SYS_capget, -4096l, data);
    CALL(SYS_capget, &header, 8);
    CALL(SYS_capget, &header, -4096l);
    CALL(SYS_capset, 8, data);
    CALL(SYS_capset, &header, 8);
    CALL(SYS_capset, &header, NULL);
    // Nothing is left: what is wanted back is refused.
    data[0].permitted = 1;
    CALL(SYS_capset, &header, data);
    data[0] = (struct __user_cap_data_struct){1, 0, 0};
    CALL(SYS_capset, &header, data);
    data[0] = (struct __user_cap_data_struct){0, 0, 1};
    CALL(SYS_capset, &header, data);
    data[0] = (struct __user_cap_data_struct){0, 0, 0};
    data[1] = (struct __user_cap_data_struct){-1u, -1u, -1u};
    CALL(SYS_capset, &header, data);
    _exit(0);
  }
  reap("capabilities", child);
}

static void others(void) {
  char bytes[64] = {0};
  for (int flags = 0; flags < 16; flags++) CALL(SYS_getrandom, bytes, 16, flags);
  CALL(SYS_getrandom, bytes, 0, 0);
  CALL(SYS_getrandom, NULL, 0, 0);
  CALL(SYS_getrandom, NULL, 16, 0);
  CALL(SYS_getrandom, 8, 16, 8);
  CALL(SYS_getrandom, -4096l, 16, 0);
  CALL(SYS_getrandom, bytes, 1ul << 32, 0x10);
  char* page = MUST(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(page + 4096, 4096));
  CALL(SYS_getrandom, page + 4096 - 20, 40, 0);
  CALL(SYS_getrandom, page, 1 << 20, 0);
  CALL(SYS_sysinfo, NULL);
  CALL(SYS_sysinfo, 8);
  CALL(SYS_sysinfo, -4096l);
  struct sysinfo info = {0};
  CALL(SYS_sysinfo, &info);
  CHECK(info.mem_unit >= 1 && info.totalram > 0 && info.freeram <= info.totalram && info.procs > 0 && info.uptime > 0);
  static const struct {
    unsigned first, last, flags;
  } kRanges[] = {{50, 40, 0}, {50, 60, 1}, {50, 60, 8}, {50, 60, 0}, {50, 60, 2}, {50, -1u, 4}, {50, 60, 6}, {50, 60, -1u}, {-1u, -1u, 0}, {60, 59, 4}, {20000, 20100, 0}, {20000, 20100, 4}, {50, INT_MAX, 6}};
  for (unsigned i = 0; i < sizeof kRanges / sizeof *kRanges; i++) {
    MUST(dup2(1, 55));
    MUST(dup2(1, 61));
    const long r = syscall(SYS_close_range, kRanges[i].first, kRanges[i].last, kRanges[i].flags);
    printf("close %u %u %x: %s", kRanges[i].first, kRanges[i].last, kRanges[i].flags, r < 0 ? errno_name(errno) : "ok");
    printf(" %d %d\n", fcntl(55, F_GETFD), fcntl(61, F_GETFD));
  }
}

int main(void) {
  for (int i = 3; i < 256; i++) close(i);
  if (geteuid() == 0) {
    MUST(setresgid(65534, 65534, 65534));
    MUST(setresuid(65534, 65534, 65534));
  }
  opening();
  sending();
  waiting();
  capabilities();
  others();
  return guest_failed();
}
