// Shows: pipes and FIFOs with poll and select: readiness, hang-up, errors, many descriptors, blocking wake-ups.
#include <poll.h>
#include <sys/select.h>

#include "guest.h"

static int pipes[2];
static void* late_writer(void* argument UNUSED) {
  usleep(30000);
  MUST(write(pipes[1], "late", 4));
  return NULL;
}

int main(void) {
  MUST(pipe2(pipes, O_NONBLOCK));
  struct pollfd fds[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLOUT, 0}};
  SHOW(poll(fds, 2, 0));
  printf("%x %x\n", fds[0].revents, fds[1].revents);
  char block[4096] = "x";
  long total = 0, n;
  while ((n = write(pipes[1], block, sizeof block)) > 0) total += n;
  printf("filled %ld %s\n", total, errno_name(errno));
  SHOW(poll(fds, 2, 0));
  printf("%x %x\n", fds[0].revents, fds[1].revents);
  while ((n = read(pipes[0], block, sizeof block)) > 0) total -= n;
  printf("left %ld %s\n", total, errno_name(errno));
  pthread_t thread;
  pthread_create(&thread, NULL, late_writer, NULL);
  SHOW(poll(fds, 1, 5000));
  SHOW(read(pipes[0], block, 100));
  pthread_join(thread, NULL);
  pthread_create(&thread, NULL, late_writer, NULL);
  fd_set readable, writable;
  FD_ZERO(&readable);
  FD_ZERO(&writable);
  FD_SET(pipes[0], &readable);
  SHOW(select(pipes[1] + 1, &readable, NULL, NULL, NULL));
  CHECK(FD_ISSET(pipes[0], &readable));
  pthread_join(thread, NULL);
  FD_SET(pipes[1], &writable);
  SHOW(select(pipes[1] + 1, &readable, &writable, NULL, NULL));
  SHOW(read(pipes[0], block, 100));
  close(pipes[1]);
  SHOW(poll(fds, 1, -1));
  printf("%x\n", fds[0].revents);
  SHOW(read(pipes[0], block, 100));
  fds[1].fd = 999;
  SHOW(poll(fds, 2, 0));
  printf("%x\n", fds[1].revents);
  fds[0].fd = -1;
  SHOW(poll(fds, 1, 0));
  SHOW(poll((struct pollfd*)8, 1, 0));
  SHOW(poll(fds, 1 << 30, 0));
  SHOW(select(-1, NULL, NULL, NULL, NULL));
  FD_ZERO(&readable);
  FD_SET(50, &readable);
  struct timeval zero = {0, 0};
  SHOW(select(51, &readable, NULL, NULL, &zero));
  SHOW(select(10, (fd_set*)8, NULL, NULL, &zero));
  MUST(pipe(pipes));
  close(pipes[0]);
  fds[1] = (struct pollfd){pipes[1], POLLOUT, 0};
  SHOW(poll(fds + 1, 1, 0));
  printf("%x\n", fds[1].revents);
  struct pollfd many[100];
  int pairs[50][2];
  for (int i = 0; i < 50; i++) {
    MUST(pipe(pairs[i]));
    if (i % 3 == 0) MUST(write(pairs[i][1], "x", 1));
    many[2 * i] = (struct pollfd){pairs[i][0], POLLIN, 0};
    many[2 * i + 1] = (struct pollfd){pairs[i][1], POLLOUT, 0};
  }
  SHOW(poll(many, 100, 100));
  return guest_failed();
}
