// Shows: hostile arguments of calls that are passed on give Linux's results, in Linux's order of errors.
// run: static ; timeout 120s
#include <sys/socket.h>
#include <sys/time.h>

#include "guest.h"

#define MEMORY 0x200000000000ul
#define ROUNDS 12

// f: descriptor, p: pointer, s: length, i: other number. By number, as C libraries lack wrappers and names.
static const struct {
  int number;
  const char *name, *arguments;
} calls[] = {
    {0, "read", "fps"}, {1, "write", "fps"}, {5, "fstat", "fp"}, {8, "lseek", "fii"},
    {17, "pread64", "fpsi"}, {18, "pwrite64", "fpsi"}, {26, "msync", "psi"}, {27, "mincore", "psp"},
    {40, "sendfile", "ffps"}, {42, "connect", "fpi"}, {44, "sendto", "fpsipi"}, {45, "recvfrom", "fpsipp"},
    {48, "shutdown", "fi"}, {49, "bind", "fpi"}, {50, "listen", "fi"}, {51, "getsockname", "fpp"},
    {52, "getpeername", "fpp"}, {61, "wait4", "ipip"}, {73, "flock", "fi"}, {74, "fsync", "f"},
    {75, "fdatasync", "f"}, {77, "ftruncate", "fi"}, {91, "fchmod", "fi"}, {93, "fchown", "fii"},
    {115, "getgroups", "ip"}, {120, "getresgid", "ppp"}, {137, "statfs", "pp"}, {138, "fstatfs", "fp"},
    {143, "sched_getparam", "ip"}, {149, "mlock", "ps"}, {150, "munlock", "ps"}, {187, "readahead", "fis"},
    {188, "setxattr", "pppsi"}, {189, "lsetxattr", "pppsi"}, {190, "fsetxattr", "fppsi"},
    {191, "getxattr", "ppps"}, {192, "lgetxattr", "ppps"}, {193, "fgetxattr", "fpps"},
    {194, "listxattr", "pps"}, {195, "llistxattr", "pps"}, {196, "flistxattr", "fps"},
    {197, "removexattr", "pp"}, {198, "lremovexattr", "pp"}, {199, "fremovexattr", "fp"},
    {221, "fadvise64", "fiii"}, {223, "timer_settime", "iipp"}, {224, "timer_gettime", "ip"},
    {233, "epoll_ctl", "fifp"}, {241, "mq_unlink", "p"}, {242, "mq_timedsend", "fpssp"},
    {243, "mq_timedreceive", "fpspp"}, {245, "mq_getsetattr", "fpp"}, {247, "waitid", "iipip"},
    {254, "inotify_add_watch", "fpi"}, {255, "inotify_rm_watch", "fi"}, {258, "mkdirat", "fpi"},
    {259, "mknodat", "fpii"}, {260, "fchownat", "fpiii"}, {265, "linkat", "fpfpi"},
    {266, "symlinkat", "pfp"}, {268, "fchmodat", "fpi"}, {269, "faccessat", "fpi"},
    {275, "splice", "fpfpsi"}, {276, "tee", "ffsi"}, {277, "sync_file_range", "fiii"},
    {280, "utimensat", "fppi"}, {285, "fallocate", "fiii"}, {286, "timerfd_settime", "fipp"},
    {287, "timerfd_gettime", "fp"}, {303, "name_to_handle_at", "fpppi"}, {306, "syncfs", "f"},
    {325, "mlock2", "psi"}, {326, "copy_file_range", "fpfpsi"}, {439, "faccessat2", "fpii"},
    {451, "cachestat", "fppi"}, {452, "fchmodat2", "fpii"},
};

static const unsigned long descriptors[] = {-1, -100, 3, 4, 5, 6, 7, 20000, 0x7fffffff, 0x100000003};
static const unsigned long pointers[] = {
    0,          0x1000,         MEMORY,         MEMORY + 512,   MEMORY + 0xfffc,    MEMORY + 0x10000,   0x3fffffe00000,
    0x3fffffffffff, 0x400000000000, 0x500000000000, 0x7fffffffe000, 0x800000000000, 0xffff888000000000, -1,
    -4096,      0xffffffff81000000};
static const unsigned long lengths[] = {0,         1,          8,           16,          100,
                                        4096,      65536,      0x7fffffff,  0x80000000,  0xffffffff,
                                        1ul << 32, 3ul << 44,  ~0ul >> 17,  1ul << 63,   -1};
static const unsigned long numbers[] = {0, 0, 0, 1, 2, 8, -1, 0x1000, 4};

static unsigned long seed = 1;
static unsigned draw(unsigned below) {
  seed = seed * 6364136223846793005ul + 1442695040888963407ul;
  return (seed >> 33) % below;
}
#define PICK(array) array[draw(sizeof array / sizeof *array)]

// Half of the time something usable, so that calls get far enough to differ.
static unsigned long argument(char kind) {
  const int usable = draw(2);
  switch (kind) {
    case 'f': return PICK(descriptors);
    case 'p': return usable ? MEMORY : PICK(pointers);
    case 's': return usable ? 8 : PICK(lengths);
    default: return PICK(numbers);
  }
}

static void on_alarm(UNUSED int signo) {}

// Descriptors 3 to 7: a pipe, a file, a socket, a directory.
static void prepare(void) {
  int pipe_ends[2];
  memset((void*)MEMORY, 0, 0x10000);
  strcpy((char*)MEMORY, "aa");
  strcpy((char*)MEMORY + 512, "dir/x");
  pipe2(pipe_ends, O_NONBLOCK);
  open("file", O_RDWR | O_CREAT, 0644);
  socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  open(".", O_RDONLY);
}

int main(void) {
  scratch();
  // Whatever waits is interrupted.
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  struct itimerval often = {{0, 300000}, {0, 300000}};
  setitimer(ITIMER_REAL, &often, NULL);
  mmap((void*)MEMORY, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    for (int round = 0; round < ROUNDS; round++) {
      unsigned long a[6] = {0};
      prepare();
      for (int n = 0; calls[i].arguments[n]; n++) a[n] = argument(calls[i].arguments[n]);
      errno = 0;
      const long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
      printf("%s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx) = %ld %s\n", calls[i].name, a[0], a[1], a[2], a[3], a[4], a[5],
             result, result == -1 ? errno_name(errno) : "");
      syscall(SYS_close_range, 3, 100, 0);
    }
  }
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  return 0;
}
