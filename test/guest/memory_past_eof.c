// Shows: pages of a file mapping past its end raise SIGBUS, come to life when the file grows, and die when it shrinks.
#include "guest.h"

#define P 4096
int main(void) {
  trap_install();
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(fd, P + 100));
  char* p = MUST((char*)mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  volatile char* v = p;
  TRAP("inside", p, v[P + 50] = 1);
  TRAP("tail of the last page", p, v[P + 200] = 1);
  TRAP("past the end, read", p, (void)v[2 * P + 5]);
  TRAP("past the end, write", p, v[3 * P + 7] = 1);
  MUST(ftruncate(fd, 4 * P));
  TRAP("grown, read", p, (void)v[2 * P + 5]);
  TRAP("grown, write", p, v[3 * P + 7] = 9);
  TRAP("still past the end", p, (void)v[4 * P]);
  MUST(ftruncate(fd, 2 * P));
  TRAP("shrunk, read", p, (void)v[3 * P + 7]);
  TRAP("shrunk, write", p, v[2 * P] = 1);
  TRAP("still inside", p, v[P] = 2);
  MUST(ftruncate(fd, 8 * P));
  TRAP("grown again", p, printf("%d ", v[3 * P + 7]));
  char* q = MUST((char*)mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  q[5 * P] = 3;
  MUST(ftruncate(fd, 0));
  TRAP("private, shrunk to nothing", q, (void)*(volatile char*)q);
  TRAP("private copy", q, (void)*(volatile char*)(q + 5 * P));
  // A system call on such a page is EFAULT.
  SHOW(write(STDOUT_FILENO, p + P, 10));
  int zero = MUST(open("/dev/zero", O_RDONLY));
  SHOW(read(zero, p + P, 10));
  // Without a handler: death by SIGBUS.
  pid_t child = MUST(fork());
  if (!child) {
    signal(SIGBUS, SIG_DFL);
    v[P] = 1;
    _exit(0);
  }
  reap("child", child);
  return guest_failed();
}
