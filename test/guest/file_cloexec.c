// Shows: close-on-exec by every call that can set it: gone after exec, the rest stay.
// run: both
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "guest.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    for (int i = 0; i < 64; i++)
      if (fcntl(i, F_GETFD) >= 0) printf("%d ", i);
    puts(argv[1]);
    char text[10] = "";
    SHOW(pread(20, text, 5, 0));
    puts(text);
    return 0;
  }
  scratch();
  int file = MUST(open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  MUST(write(file, "kept!", 5));
  MUST(dup2(file, 20));
  MUST(dup3(file, 21, O_CLOEXEC));
  MUST(fcntl(file, F_DUPFD, 22));
  MUST(fcntl(file, F_DUPFD_CLOEXEC, 23));
  MUST(dup2(file, 24));
  MUST(fcntl(24, F_SETFD, FD_CLOEXEC));
  MUST(fcntl(23, F_SETFD, 0));
  int pipes[2];
  MUST(pipe2(pipes, O_CLOEXEC));
  MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  MUST(epoll_create1(EPOLL_CLOEXEC));
  MUST(eventfd(0, EFD_CLOEXEC));
  MUST(memfd_create("x", MFD_CLOEXEC));
  for (int i = 20; i < 25; i++) printf("flags of %d: %d\n", i, fcntl(i, F_GETFD));
  SHOW(dup2(20, 20));
  SHOW(dup3(20, 20, 0));
  SHOW(dup3(20, 25, 0x40));
  pid_t child = MUST(fork());
  if (!child) {
    execl("/proc/self/exe", "x", "execl", NULL);
    _exit(99);
  }
  reap("child", child);
  child = vfork();
  if (!child) {
    execl("/proc/self/exe", "x", "vfork", NULL);
    _exit(99);
  }
  reap("vfork child", child);
  SHOW(fcntl(21, F_GETFD));
  execl("/proc/self/exe", "x", "directly", NULL);
  return 98;
}
