// A worker: sets up descriptors, files, memory and a thread that changes it, then makes calls until its share is done.
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

static void woken(int number) { (void)number; }

void limits_setup(void) {
  const struct {
    int which;
    rlim_t most;
  } limits[] = {{RLIMIT_NOFILE, kFdLimit}, {RLIMIT_FSIZE, 1 << 20}, {RLIMIT_CORE, 0},
                {RLIMIT_CPU, 60},          {RLIMIT_NPROC, 400},     {RLIMIT_MSGQUEUE, 8192},
                {RLIMIT_MEMLOCK, 1 << 20}};
  for (unsigned i = 0; i < sizeof limits / sizeof *limits; i++) {
    const struct rlimit limit = {limits[i].most, limits[i].most};
    setrlimit(limits[i].which, &limit);
  }
}

// One descriptor of each sort, from 3 up. Those that fail leave a gap, which is as good.
void descriptors_setup(void) {
  int pair[2];
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  mkdir("directory", 0700);
  mkfifo("fifo", 0600);
  if (symlink("file", "link") != 0 && access("link", F_OK) != 0) unlink("link");
  const int file = open("file", O_RDWR | O_CREAT, 0600);
  if (write(file, "some text in a file\n", 20) < 0) return;
  open("directory", O_RDONLY | O_DIRECTORY);
  open(".", O_PATH);
  open("/dev/null", O_RDWR);
  open("/dev/zero", O_RDONLY);
  open("/proc/self/maps", O_RDONLY);
  open("/proc/self/mem", O_RDWR);
  open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  open("/dev/ptmx", O_RDWR | O_NOCTTY);
  open("fifo", O_RDWR | O_NONBLOCK);
  if (pipe2(pair, O_NONBLOCK) == 0 && write(pair[1], "pipe", 4) < 0) return;
  if (pipe(pair) == 0 && write(pair[1], "pipe", 4) < 0) return;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return;
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) != 0) return;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) return;
  socket(AF_INET, SOCK_STREAM, 0);
  socket(AF_INET6, SOCK_DGRAM, 0);
  socket(AF_NETLINK, SOCK_RAW, 0);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const struct sockaddr_un name = {AF_UNIX, "socket"};
  unlink("socket");
  if (bind(listener, (const struct sockaddr*)&name, sizeof name) == 0) listen(listener, 4);
  const int poller = epoll_create1(0);
  const int event = eventfd(1, 0);
  epoll_ctl(poller, EPOLL_CTL_ADD, event, &(struct epoll_event){EPOLLIN, {.fd = event}});
  timerfd_create(CLOCK_MONOTONIC, 0);
  signalfd(-1, &set, SFD_NONBLOCK);
  inotify_add_watch(inotify_init1(IN_NONBLOCK), ".", IN_ALL_EVENTS);
  const int memory = memfd_create("fuzz", MFD_ALLOW_SEALING);
  if (ftruncate(memory, 2 * kPage) != 0) return;
  syscall(SYS_pidfd_open, getpid(), 0);
  mq_open("/fuzz", O_RDWR | O_CREAT | O_NONBLOCK, 0600, NULL);
}

static _Noreturn void* scribbler(void* seed) {
  struct random r = {(uint64_t)seed};
  for (;;) {
    for (int i = 0; i < 200; i++) memory_scribble(&r);
    usleep(300);
  }
}

// A fork in the middle of it all: the child makes some of the calls and looks as well.
static void try_fork(struct random* r, uint64_t seed, uint32_t index) {
  const pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) {
    struct call call;
    for (uint32_t i = 0; i < 10; i++) {
      if (call_make(seed ^ UINT64_C(0x5555), index * 16 + i, &call)) raw_call(&call);
    }
    leaks_in_descriptors(r);
    leaks_in_proc();
    syscall(SYS_exit_group, 0);
  }
  if (child < 0) return;
  for (int i = 0; i < 200; i++) {
    int status = 0;
    const long ended = syscall(SYS_wait4, child, &status, WNOHANG, NULL);
    if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) > 63)
      leak("BROKEN: status %d of a fork after call %u", WEXITSTATUS(status), index);
    if (ended != 0) return;
    usleep(10000);
  }
  kill(child, SIGKILL);
}

_Noreturn void worker_run(uint64_t seed, uint32_t end, bool log) {
  setsid();
  limits_setup();
  memory_setup();
  close_range(3, ~0u, 0);
  descriptors_setup();
  const struct sigaction wake = {.sa_handler = woken};  // no SA_RESTART: a wait ends
  sigaction(kWakeSignal, &wake, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGALRM, SIG_IGN);
  shared->worker = (int)syscall(SYS_gettid);
  struct random r = {seed + shared->next};
  pthread_t thread;
  pthread_create(&thread, NULL, scribbler, (void*)random_u64(&r));
  for (uint32_t made = 0; made < kWorkerShare; made++) {
    const uint32_t index = atomic_fetch_add(&shared->next, 1);
    if (index >= end) break;
    struct call call;
    if (!call_make(seed, index, &call)) continue;
    const uint32_t number = (uint32_t)call.number;
    shared->number = number;
    if (log) {
      char line[200];
      const int size =
          snprintf(line, sizeof line, "%u: %s(%lx)(%lx, %lx, %lx, %lx, %lx, %lx)\n", index,
                   number < kMaxNumber && signatures[number].name ? signatures[number].name : "?",
                   call.number, call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4], call.arg[5]);
      if (write(STDERR_FILENO, line, (size_t)size) < 0) break;
    }
    const long result = raw_call(&call);
    if (number < kMaxNumber) {
      shared->made[number]++;
      if (result >= 0 || result < -4095) shared->worked[number]++;
    }
    leaks_in_memory(&call);
    if (index % 128 == 0) {
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, NULL);
      leaks_in_descriptors(&r);
      leaks_in_proc();
      try_fork(&r, seed, index);
    }
  }
  syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}
