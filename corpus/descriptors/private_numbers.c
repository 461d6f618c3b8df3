// Uses the monitor's descriptors, by the numbers that the host knows: read, write, duplicate, close, control, poll.
// @technique T1611
// @weakness CWE-403
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done fcntl-getfd,fstat,dup,poll,select
// @attempts 22
// @reads descriptors
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>

#include "../attack.h"

int main(void) {
  int numbers[4096], reached[24] = {0}, tried = 0;
  int count = read_descriptors(numbers, 4096);
  int native = getenv("ATTACK_NATIVE") != NULL;
  static const char* names[] = {
      "fcntl-getfd", "fstat", "dup", "poll", "select", "fcntl-dupfd", "fcntl-setfl", "read", "write", "lseek", "ftruncate",
      "ioctl", "kvm-create-vcpu", "mmap", "dup2-onto", "dup3-onto", "epoll-add", "sendfile", "splice", "fchmod",
      "recvmsg", "fchdir"};
  static char bytes[64];
  int own = open("/dev/null", O_RDWR), set = epoll_create1(0), pipes[2] = {-1, 2};
  pipe2(pipes, O_NONBLOCK);
  for (int i = 0; i < count; i++) {
    int fd = numbers[i];
    struct stat s;
    // The program's own are 0 to 2 and what has just been opened; natively those are the control.
    if (!native && fd <= pipes[1]) continue;
    tried++;
    reached[0] |= fcntl(fd, F_GETFD) >= 0;
    reached[1] |= fstat(fd, &s) == 0;
    reached[2] |= dup(fd) >= 0;
    reached[3] |= poll(&(struct pollfd){fd, POLLIN | POLLOUT, 0}, 1, 0) >= 0 && ({
                    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
                    poll(&p, 1, 0);
                    !(p.revents & POLLNVAL);
                  });
    if (fd < FD_SETSIZE) {
      fd_set r;
      FD_ZERO(&r);
      FD_SET(fd, &r);
      reached[4] |= select(fd + 1, &r, NULL, NULL, &(struct timeval){0}) >= 0;
    }
    if (native) continue;
    reached[5] |= fcntl(fd, F_DUPFD, 0) >= 0;
    reached[6] |= fcntl(fd, F_SETFL, O_NONBLOCK) >= 0;
    reached[7] |= read(fd, bytes, sizeof bytes) >= 0;
    reached[8] |= write(fd, "x", 1) >= 0;
    reached[9] |= lseek(fd, 0, SEEK_CUR) >= 0;
    reached[10] |= ftruncate(fd, 0) == 0;
    reached[11] |= ioctl(fd, FIONREAD, bytes) == 0;
    reached[12] |= ioctl(fd, 0xae41, 7) >= 0;
    reached[13] |= mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED;
    reached[14] |= dup2(own, fd) >= 0;
    reached[15] |= dup3(own, fd, O_CLOEXEC) >= 0;
    reached[16] |= epoll_ctl(set, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN}) == 0;
    reached[17] |= sendfile(own, fd, NULL, 16) >= 0;
    reached[18] |= splice(fd, NULL, pipes[1], NULL, 16, SPLICE_F_NONBLOCK) >= 0;
    reached[19] |= fchmod(fd, 0777) == 0;
    reached[20] |= recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) >= 0;
    reached[21] |= fchdir(fd) == 0;
  }
  CONTROL("descriptors that are not the program's", native || tried > 0 ? 0 : (errno = ENODATA, -1));
  for (int i = 0; i < 22; i++) MUST_NOT(names[i], reached[i], "EBADF");
  return 0;
}
