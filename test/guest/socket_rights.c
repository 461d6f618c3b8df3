// Shows: descriptors over sockets where it is tight: a full socket, a large message in parts, many at once, the
// receiver's limit on open files, and a signal while waiting.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "guest.h"

#define MOST 253  // SCM_MAX_FD

static long send_with(int to, const int* fds, int count, void* data, size_t size, int flags) {
  static char control[CMSG_SPACE(sizeof(int) * (MOST + 1))];
  memset(control, 0, sizeof control);
  struct iovec io = {data, size};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
  struct cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
  return sendmsg(to, &m, flags);
}

static int receive(int from, int* fds, void* data, size_t size, long* bytes, int* flags) {
  static char control[CMSG_SPACE(sizeof(int) * (MOST + 1))];
  struct iovec io = {data, size};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *bytes = recvmsg(from, &m, 0);
  if (flags) *flags = m.msg_flags;
  int count = 0;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
    count += (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
  }
  return count;
}

static int pair[2];
static char big[1 << 20];
static volatile int rang;
static long read_bytes;
static void on_alarm(int signo UNUSED) { rang++; }

static void* reader(void* unused UNUSED) {
  static char part[4096];
  long total = 0, n;
  int fds[MOST], count = 0;
  usleep(50000);
  while (total < (long)sizeof big) {
    count += receive(pair[1], fds, part, sizeof part, &n, NULL);
    if (n <= 0) break;
    total += n;
  }
  read_bytes = total;
  return (void*)(long)count;
}

int main(void) {
  int fds[MOST + 1], got[MOST + 1], flags;
  long bytes;
  for (int i = 0; i <= MOST; i++) fds[i] = 1;
  pthread_t id;

  puts("a message larger than the socket's room");
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  pthread_create(&id, NULL, reader, NULL);
  SHOW(send_with(pair[0], fds, 2, big, sizeof big, 0));
  void* received;
  pthread_join(id, &received);
  printf("read %ld bytes, %ld descriptors\n", read_bytes, (long)received);

  puts("a full socket");
  while (send(pair[0], big, 4096, MSG_DONTWAIT) > 0) {}
  SHOW(send_with(pair[0], fds, 1, "x", 1, MSG_DONTWAIT));
  struct timeval limit = {0, 30000};
  MUST(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  SHOW(send_with(pair[0], fds, 1, "x", 1, 0));
  limit.tv_usec = 0;
  MUST(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  struct sigaction action = {.sa_handler = on_alarm};
  MUST(sigaction(SIGALRM, &action, NULL));
  struct itimerval soon = {.it_value = {0, 30000}};
  MUST(setitimer(ITIMER_REAL, &soon, NULL));
  SHOW(send_with(pair[0], fds, 1, "x", 1, 0));
  SHOW(rang);
  close(pair[0]);
  close(pair[1]);

  puts("datagrams wait for the reader");
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  int sent = 0;
  while (send_with(pair[0], fds, 1, "d", 1, MSG_DONTWAIT) == 1) sent++;
  CHECK(sent > 0 && errno == EAGAIN);
  pid_t child = MUST(fork());
  if (!child) {
    usleep(30000);
    while (sent--) receive(pair[1], got, big, 1, &bytes, NULL);
    _exit(receive(pair[1], got, big, 8, &bytes, NULL));
  }
  SHOW(send_with(pair[0], fds, 1, "e", 1, 0));
  reap("child", child);
  close(pair[0]);
  close(pair[1]);

  puts("as many as there may be");
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
  SHOW(send_with(pair[0], fds, MOST, "m", 1, 0));
  SHOW(receive(pair[1], got, big, 8, &bytes, NULL));
  for (int i = 0; i < MOST; i++) MUST(close(got[i]));
  SHOW(send_with(pair[0], fds, MOST + 1, "m", 1, 0));

  puts("the receiver's limit");
  SHOW(send_with(pair[0], fds, 5, "r", 1, 0));
  struct rlimit files = {(rlim_t)pair[1] + 5, (rlim_t)pair[1] + 5};  // two of them are taken
  MUST(setrlimit(RLIMIT_NOFILE, &files));
  int count = receive(pair[1], got, big, 8, &bytes, &flags);
  printf("%d descriptors, %ld bytes, flags %x\n", count, bytes, flags & ~MSG_EOR);
  for (int i = 0; i < count; i++) SHOW(got[i] - pair[1]);
  SHOW(socket(AF_UNIX, SOCK_STREAM, 0));
  int more[2] = {-7, -7};
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, more));
  SHOW(more[0]);
  SHOW(dup(1));
  return guest_failed();
}
