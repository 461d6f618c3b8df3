// Shows: of two things that are wrong with a call the one is reported that Linux notices first.
// run: both ; timeout 60s
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/uio.h>

#include "guest.h"

#define CALL(...) SHOW(syscall(__VA_ARGS__))
#define BAD ((void*)-4096l)

int main(void) {
  scratch();
  for (int i = 3; i < 256; i++) close(i);
  int pipes[2], pair[2];
  int file = MUST(open("file", O_RDWR | O_CREAT, 0600)), path = MUST(open(".", O_PATH)),
      set = MUST(epoll_create1(0));
  MUST(pipe(pipes));
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  int inet = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  static char longest[5000], space[8192];
  memset(longest, 'x', sizeof longest - 1);
  struct timespec bad_time = {0, -1};
  struct iovec negative[2] = {{space, 1}, {space, (size_t)-1}};

  puts("== vectors");
  CALL(SYS_readv, 99, BAD, 1);
  CALL(SYS_readv, path, BAD, 1);
  CALL(SYS_readv, pipes[1], BAD, 1);
  CALL(SYS_writev, pipes[0], BAD, 1);
  CALL(SYS_readv, file, BAD, 2000);
  CALL(SYS_readv, file, negative, 2);
  CALL(SYS_readv, path, negative, 2);
  CALL(SYS_preadv, pipes[0], BAD, 1, 0, 0);
  CALL(SYS_pwritev, pipes[1], BAD, 1, 0, 0);
  CALL(SYS_preadv, file, BAD, 1, -1, 0);
  CALL(SYS_preadv, 99, BAD, 1, -1, 0);
  CALL(SYS_preadv2, pipes[0], BAD, 2000, 0, 0, 0x8000);
  CALL(SYS_preadv2, file, BAD, 1, 0, 0, 0x8000);
  CALL(SYS_preadv2, file, negative, 1, 0, 0, 0x8000);
  CALL(SYS_vmsplice, 99, BAD, 1, 0x100);
  CALL(SYS_vmsplice, 99, BAD, 1, 0);
  CALL(SYS_vmsplice, file, BAD, 1, 0);
  CALL(SYS_vmsplice, pipes[1], BAD, 1, 0);
  puts("== waiting");
  CALL(SYS_epoll_pwait2, set, space, 1, BAD, BAD, 4);
  CALL(SYS_epoll_pwait2, 99, space, 0, &bad_time, BAD, 4);
  CALL(SYS_ppoll, BAD, 1, &bad_time, BAD, 8);
  CALL(SYS_ppoll, BAD, 1, BAD, BAD, 4);
  CALL(SYS_ppoll, BAD, 1, NULL, BAD, 4);
  struct {
    void* mask;
    size_t size;
  } mask = {BAD, 4};
  CALL(SYS_pselect6, -1, BAD, NULL, NULL, &bad_time, &mask);
  CALL(SYS_pselect6, -1, BAD, NULL, NULL, NULL, &mask);
  mask.size = 8;
  CALL(SYS_pselect6, -1, BAD, NULL, NULL, NULL, &mask);
  mask.mask = NULL;
  CALL(SYS_pselect6, -1, BAD, NULL, NULL, NULL, &mask);
  CALL(SYS_pselect6, 5, BAD, NULL, NULL, &bad_time, &mask);
  struct timeval now = {0, 0};
  CALL(SYS_select, 0, BAD, BAD, 8, &now);
  CALL(SYS_select, -1, BAD, BAD, 8, &now);
  puts("== sockets");
  CALL(SYS_setsockopt, 99, 5555, 1, space, -1);
  CALL(SYS_setsockopt, file, 5555, 1, space, 4);
  CALL(SYS_setsockopt, pair[0], 5555, 1, space, 4);
  CALL(SYS_setsockopt, inet, 5555, 1, space, 4);
  CALL(SYS_setsockopt, inet, SOL_SOCKET, SO_REUSEADDR, space, -1);
  CALL(SYS_setsockopt, file, SOL_SOCKET, SO_REUSEADDR, BAD, 4);
  CALL(SYS_setsockopt, inet, SOL_SOCKET, SO_REUSEADDR, BAD, 4);
  CALL(SYS_setsockopt, inet, SOL_SOCKET, SO_REUSEADDR, BAD, 2);
  CALL(SYS_setsockopt, inet, SOL_SOCKET, 9999, BAD, 4);
  CALL(SYS_getsockopt, 99, SOL_SOCKET, SO_TYPE, space, BAD);
  CALL(SYS_getsockopt, file, SOL_SOCKET, SO_TYPE, space, BAD);
  CALL(SYS_getsockopt, inet, SOL_SOCKET, SO_TYPE, space, BAD);
  CALL(SYS_getsockopt, pair[0], 5555, SO_TYPE, space, space);
  CALL(SYS_getsockopt, inet, 5555, SO_TYPE, space, space);
  CALL(SYS_sendmsg, 99, BAD, 0);
  CALL(SYS_sendmsg, file, BAD, 0);
  CALL(SYS_sendmsg, inet, BAD, 0);
  CALL(SYS_sendmsg, 99, BAD, 0x80000000);
  CALL(SYS_recvmsg, file, BAD, 0);
  CALL(SYS_recvmsg, 99, BAD, 0x80000000);
  CALL(SYS_sendmmsg, 99, BAD, 0, 0);
  CALL(SYS_sendmmsg, file, BAD, 1, 0);
  CALL(SYS_sendmmsg, inet, BAD, 0, 0);
  CALL(SYS_recvmmsg, 99, BAD, 0, 0, &bad_time);
  CALL(SYS_recvmmsg, 99, BAD, 0, 0, BAD);
  CALL(SYS_recvmmsg, file, BAD, 1, 0, NULL);
  int sockets[2] = {-1, -1};
  CALL(SYS_socketpair, AF_INET, SOCK_STREAM, 0, sockets);
  printf("numbers written: %d\n", sockets[0] >= 0 && sockets[1] >= 0);
  CALL(SYS_socketpair, AF_UNIX, SOCK_STREAM, 77, BAD);
  puts("== descriptors");
  CALL(SYS_fcntl, 99, F_GETLK, BAD);
  CALL(SYS_fcntl, file, F_GETLK, BAD);
  CALL(SYS_fcntl, path, F_GETLK, BAD);
  CALL(SYS_fcntl, pipes[0], F_GETLK, BAD);
  CALL(SYS_ioctl, 99, 0x5401, BAD);
  CALL(SYS_ioctl, file, 0x5401, BAD);
  CALL(SYS_ioctl, pipes[0], 0x541b, BAD);
  CALL(SYS_pipe2, BAD, 0x12345);
  CALL(SYS_kcmp, 0x7fffffff, 0x7fffffff, KCMP_EPOLL_TFD, 1, BAD);
  CALL(SYS_kcmp, getpid(), getpid(), KCMP_EPOLL_TFD, 99, BAD);
  puts("== paths");
  CALL(SYS_statx, AT_FDCWD, longest, 1, 1, space);
  CALL(SYS_statx, AT_FDCWD, longest, 0, 0x80000000, space);
  CALL(SYS_statx, AT_FDCWD, longest, 0, 1, space);
  CALL(SYS_statx, AT_FDCWD, BAD, 1, 1, space);
  CALL(SYS_newfstatat, AT_FDCWD, longest, space, 1);
  CALL(SYS_newfstatat, AT_FDCWD, BAD, space, 0);
  CALL(SYS_newfstatat, 99, "x", BAD, 1);
  CALL(SYS_inotify_add_watch, 99, longest, 1);
  CALL(SYS_inotify_add_watch, 99, longest, 0);
  CALL(SYS_inotify_add_watch, file, "none", 1);
  CALL(SYS_linkat, 99, "x", AT_FDCWD, "y", 1);
  CALL(SYS_linkat, AT_FDCWD, longest, AT_FDCWD, "y", 0x400);
  CALL(SYS_linkat, AT_FDCWD, "file/x", AT_FDCWD, "y", 0x800);
  CALL(SYS_fchownat, 99, "x", 0, 0, 0x800);
  CALL(SYS_fchownat, 99, "x", 0, 0, 0);
  CALL(SYS_fchownat, AT_FDCWD, "none", -1, -1, AT_EMPTY_PATH);
  CALL(SYS_truncate, longest, -1);
  CALL(SYS_truncate, longest, 1);
  CALL(SYS_mkdirat, 99, "x", 0700);
  CALL(SYS_mkdirat, AT_FDCWD, longest, 0700);
  CALL(SYS_unlinkat, 99, longest, 0x999);
  printf("getcwd %d\n", syscall(SYS_getcwd, space, 1ul << 47) > 0);
  CALL(SYS_getcwd, space, 1);
  CALL(SYS_getcwd, BAD, 4096);
  puts("== others");
  struct timex timex = {.modes = ADJ_FREQUENCY};
  CALL(SYS_clock_adjtime, CLOCK_MONOTONIC, &timex);
  CALL(SYS_clock_adjtime, 777, &timex);
  CALL(SYS_prlimit64, 0x7fffffff, 99, NULL, NULL);
  CALL(SYS_prlimit64, 0, 99, NULL, NULL);
  CALL(SYS_prlimit64, 0x7fffffff, 99, BAD, NULL);
  CALL(SYS_get_robust_list, 0x7fffffff, BAD, BAD);
  CALL(SYS_pkey_alloc, 1, 0);
  CALL(SYS_pkey_alloc, 0, 99);
  CALL(SYS_futex, BAD, 99, 0, BAD, BAD, 0);
  return 0;
}
