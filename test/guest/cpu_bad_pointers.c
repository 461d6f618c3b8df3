// Shows: bad pointers to system calls give the same errno as Linux: kernel addresses, the hole, wrap-around, unmapped.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "guest.h"

static int in, out, pair[2], set, file;
static const char* result(long r) { return r == -1 ? errno_name(errno) : "ok"; }
#define TRY(expr) (errno = 0, printf(" %s", result((long)(expr))))

static void calls(char* p, size_t n) {
  printf("%p+%zx:", p, n);
  TRY(syscall(SYS_read, in, p, n));
  TRY(syscall(SYS_write, out, p, n));
  TRY(syscall(SYS_pread64, file, p, n, 0));
  TRY(syscall(SYS_pwrite64, file, p, n, 0));
  TRY(syscall(SYS_open, p, 0));
  TRY(syscall(SYS_openat, AT_FDCWD, p, 0));
  TRY(syscall(SYS_stat, "/", p));
  TRY(syscall(SYS_stat, p, p));
  TRY(syscall(SYS_fstat, in, p));
  TRY(syscall(SYS_access, p, 0));
  TRY(syscall(SYS_getcwd, p, n));
  TRY(syscall(SYS_readlink, "/proc/self/exe", p, n));
  TRY(syscall(SYS_pipe, p));
  TRY(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, p));
  TRY(syscall(SYS_sendto, pair[0], p, n, MSG_DONTWAIT, NULL, 0));
  TRY(syscall(SYS_recvfrom, pair[1], p, n, MSG_DONTWAIT, NULL, NULL));
  TRY(syscall(SYS_sendmsg, pair[0], p, MSG_DONTWAIT));
  TRY(syscall(SYS_recvmsg, pair[0], p, MSG_DONTWAIT));
  TRY(syscall(SYS_bind, pair[0], p, 16));
  TRY(syscall(SYS_getsockname, pair[0], p, p));
  TRY(syscall(SYS_uname, p));
  TRY(syscall(SYS_gettimeofday, p, NULL));
  TRY(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p));
  TRY(syscall(SYS_nanosleep, p, NULL));
  TRY(syscall(SYS_getrlimit, RLIMIT_CORE, p));
  TRY(syscall(SYS_getrusage, RUSAGE_SELF, p));
  TRY(syscall(SYS_times, p));
  TRY(syscall(SYS_sysinfo, p));
  TRY(syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8));
  TRY(syscall(SYS_rt_sigaction, SIGUSR1, NULL, p, 8));
  TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, NULL, 8));
  TRY(syscall(SYS_rt_sigpending, p, 8));
  TRY(syscall(SYS_rt_sigtimedwait, p, NULL, &(struct timespec){0, 0}, 8));
  TRY(syscall(SYS_sigaltstack, p, NULL));
  TRY(syscall(SYS_poll, p, 1, 0));
  TRY(syscall(SYS_select, 1, p, NULL, NULL, &(struct timeval){0, 0}));
  TRY(syscall(SYS_epoll_ctl, set, EPOLL_CTL_ADD, in, p));
  TRY(syscall(SYS_epoll_wait, set, p, 1, 0));
  TRY(syscall(SYS_readv, in, p, 1));
  TRY(syscall(SYS_writev, out, p, 1));
  TRY(syscall(SYS_execve, p, NULL, NULL));
  // A program that can be executed, as Linux before 6.8 looks at the arguments first and later ones at the file.
  TRY(syscall(SYS_execve, p ? "/proc/self/exe" : "/does/not/exist", p, NULL));
  TRY(syscall(SYS_getdents64, file, p, n));
  TRY(syscall(SYS_getrandom, p, n > 4096 ? 16 : n, 0));
  TRY(syscall(SYS_futex, p, 0, 1, NULL, NULL, 0));
  TRY(syscall(SYS_sched_getaffinity, 0, 128, p));
  TRY(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, p));
  TRY(syscall(SYS_statfs, "/", p));
  TRY(syscall(SYS_getgroups, 0, p));
  TRY(syscall(SYS_getresuid, p, p, p));
  TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, p));
  TRY(syscall(SYS_fcntl, file, F_GETLK, p));
  TRY(syscall(SYS_mincore, &in - (uintptr_t)&in % 4096 / 4, 4096, p));
  puts("");
}

int main(void) {
  in = MUST(open("/dev/zero", O_RDONLY));
  out = MUST(open("/dev/full", O_WRONLY));
  file = MUST(memfd_create("file", 0));
  MUST(ftruncate(file, 8192));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  set = MUST(epoll_create1(0));
  uintptr_t addresses[] = {0, 8, 0xfff8, 0x150000000000, 0x00007ffffffff000 + 0xff8, 0x0000800000000000, 0x1000000000000000,
                           0xfffeffffffffffff, 0xffff800000000000, 0xffffffff81000000, 0xffffffffffffeff8, 0xfffffffffffffff8};
  for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    calls((char*)addresses[i], 64);
    calls((char*)addresses[i], 1l << 62);
  }
  return 0;
}
