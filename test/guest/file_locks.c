// Shows: record locks, open-file-description locks and flock between processes, and deadlock detection.
#include <sys/file.h>

#include "guest.h"

static int lock(int fd, int command, short type, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, command, &l);
}

int main(void) {
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(fd, 100));
  SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 10));
  pid_t child = MUST(fork());
  if (!child) {
    SHOW(lock(fd, F_SETLK, F_WRLCK, 5, 10));
    SHOW(lock(fd, F_SETLK, F_RDLCK, 10, 10));
    struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};
    SHOW(fcntl(fd, F_GETLK, &query));
    printf("type %d start %ld length %ld parent %d\n", query.l_type, query.l_start, query.l_len, query.l_pid == getppid());
    SHOW(lock(fd, F_OFD_SETLK, F_WRLCK, 50, 10));
    int other = MUST(open("file", O_RDWR));
    SHOW(lock(other, F_OFD_SETLK, F_WRLCK, 55, 1));
    SHOW(flock(fd, LOCK_EX));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(fd, LOCK_UN));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    _exit(0);
  }
  reap("child", child);
  int to_child[2];
  MUST(pipe(to_child));
  child = MUST(fork());
  if (!child) {
    MUST(lock(fd, F_SETLK, F_WRLCK, 20, 10));
    MUST(write(to_child[1], "x", 1));
    _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 10) == 0 ? 5 : 6);  // waits for the parent, whose output has no order with this
  }
  char c;
  MUST(read(to_child[0], &c, 1));
  usleep(200000);
  SHOW(lock(fd, F_SETLKW, F_WRLCK, 20, 10));
  SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 0));
  reap("child", child);
  SHOW(lock(fd, F_SETLKW, F_WRLCK, 20, 10));
  SHOW(lock(99, F_SETLK, F_WRLCK, 0, 1));
  SHOW(fcntl(fd, F_SETLK, 8));
  SHOW(flock(fd, 99));
  return 0;
}
