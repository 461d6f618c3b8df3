// Has the monitor's descriptors passed on: in messages, by pidfd, to a child, to a program that is executed.
// @technique T1611
// @weakness CWE-403
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done rights
// @attempts 3
// @reads descriptors
#include "../attack.h"

static int send_number(int socket, int fd) {
  char control[CMSG_SPACE(sizeof fd)] = {0};
  struct msghdr m = {.msg_iov = &(struct iovec){"x", 1}, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  return sendmsg(socket, &m, 0) >= 0;
}

int main(void) {
  int numbers[4096], pair[2], passed = 0, taken = 0, in_child = 0, tried = 0;
  int count = read_descriptors(numbers, 4096), native = getenv("ATTACK_NATIVE") != NULL;
  CONTROL("socketpair", socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
  CONTROL("an own one is passed", send_number(pair[0], 1) ? 0 : -1);
  int self = syscall(SYS_pidfd_open, getpid(), 0);
  CONTROL("pidfd of itself", self);
  for (int i = 0; i < count; i++) {
    int fd = numbers[i];
    if (!native && (fd <= 2 || fd == pair[0] || fd == pair[1] || fd == self)) continue;
    tried++;
    passed |= send_number(pair[0], fd);
    taken |= syscall(SYS_pidfd_getfd, self, fd, 0) >= 0;
    pid_t child = fork();
    if (child == 0) _exit(fcntl(fd, F_GETFD) >= 0);
    int status = 0;
    waitpid(child, &status, 0);
    in_child |= status != 0;
  }
  CONTROL("descriptors that are not the program's", native || tried > 0 ? 0 : -1);
  MUST_NOT("rights", passed, "EBADF");
  MUST_NOT("pidfd_getfd", taken, "refused");
  MUST_NOT("in a child", in_child, "EBADF");
  return 0;
}
