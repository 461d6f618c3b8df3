// A stream of bytes over the loopback interface: a thread sends, the other receives; prints megabytes a second.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kPiece = 256 << 10 };
static const long kTotal = 4L << 30;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void* sender(void* address) {
  static char piece[kPiece];
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, address, sizeof(struct sockaddr_in)) != 0) fail("connect");
  for (long left = kTotal; left > 0;) {
    ssize_t sent = write(fd, piece, left < kPiece ? left : kPiece);
    if (sent <= 0) fail("write");
    left -= sent;
  }
  close(fd);
  return NULL;
}

int main(void) {
  static char piece[kPiece];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &size) != 0)
    fail("listen");
  pthread_t thread;
  if (pthread_create(&thread, NULL, sender, &address) != 0) fail("pthread_create");
  int fd = accept(listener, NULL, NULL);
  if (fd < 0) fail("accept");
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  long sum = 0;
  for (ssize_t got; (got = read(fd, piece, kPiece)) != 0; sum += got)
    if (got < 0) fail("read");
  clock_gettime(CLOCK_MONOTONIC, &end);
  pthread_join(thread, NULL);
  if (sum != kTotal) {
    fprintf(stderr, "%ld bytes came\n", sum);
    return 1;
  }
  printf("%.1f\n", sum / 1e6 / ((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9));
}
