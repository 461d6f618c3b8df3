// Shows: system calls respect page rights: EFAULT or a short count, never a signal, never a forbidden write.
#include <sys/uio.h>

#include "guest.h"

#define P 4096
int main(void) {
  trap_install();
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  char block[P];
  memset(block, 'b', P);
  for (int i = 0; i < 4; i++) MUST(write(fd, block, P));
  char* p = MUST((char*)mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(p, 'p', 8 * P);
  MUST(mprotect(p + P, P, PROT_READ));
  MUST(mprotect(p + 3 * P, P, PROT_NONE));
  MUST(munmap(p + 5 * P, P));
  SHOW(pread(fd, p + P, 100, 0));
  CHECK(p[P] == 'p');
  SHOW(pread(fd, p + P - 50, 100, 0));
  SHOW(pread(fd, p + 3 * P, 100, 0));
  SHOW(pread(fd, p + 5 * P, 100, 0));
  SHOW(pwrite(fd, p + P, 100, 0));
  SHOW(pwrite(fd, p + 3 * P, 100, 0));
  SHOW(pwrite(fd, p + 5 * P, 100, 0));
  int pipes[2];
  MUST(pipe(pipes));
  SHOW(write(pipes[1], p + 3 * P, 1));
  SHOW(write(pipes[1], p + 5 * P, 1));
  SHOW(write(pipes[1], p + P, 10));
  SHOW(read(pipes[0], p + P, 10));
  SHOW(read(pipes[0], p, 10));
  struct iovec io[3] = {{p, 10}, {p + P, 10}, {p + 2 * P, 10}};
  SHOW(preadv(fd, io, 3, 0));
  SHOW(pwritev(fd, io, 3, 0));
  struct iovec bad[2] = {{p, 10}, {(void*)0xffff800000000000, 10}};
  SHOW(preadv(fd, bad, 2, 0));
  SHOW(getcwd(p + P, 100) ? 0 : -1);
  SHOW(stat("/", (struct stat*)(p + P)));
  SHOW(stat("/", (struct stat*)(p + P - 8)));
  SHOW(stat(p + 3 * P, (struct stat*)p));
  SHOW(open(p + 5 * P, O_RDONLY));
  memset(p + 5 * P - 20, 'x', 20);
  SHOW(open(p + 5 * P - 20, O_RDONLY));
  SHOW(clock_gettime(12345, (struct timespec*)p));
  SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p + P));
  SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p + 5 * P));
  SHOW(syscall(SYS_pipe, p + 3 * P));
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, p + 5 * P, NULL, 8));
  CHECK(p[P] == 'p' && p[2 * P - 1] == 'p');
  // Rights given and taken again between calls.
  for (int i = 0; i < 20; i++) {
    MUST(mprotect(p, P, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE));
    long n = pread(fd, p, 10, 0);
    if ((i & 1) != (n == -1)) printf("round %d: %ld\n", i, n);
  }
  return guest_failed();
}
