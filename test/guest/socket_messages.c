// Shows: sendmsg and recvmsg: parts, descriptors and credentials passed, truncation, sendmmsg and recvmmsg, bad pointers.
#include <sys/socket.h>

#include "guest.h"

static int pair[2];
static long send_fds(int count, const int* fds, const char* text) {
  char control[CMSG_SPACE(sizeof(int) * 20)];
  memset(control, 0, sizeof control);
  struct iovec io = {(char*)text, strlen(text)};
  struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
  return sendmsg(pair[0], &message, 0);
}
static int receive_fds(int* fds, int room, int flags) {
  char control[CMSG_SPACE(sizeof(int) * 20) + 100], text[50] = "";
  struct iovec io[2] = {{text, 3}, {text + 3, 40}};
  struct msghdr message = {.msg_iov = io, .msg_iovlen = 2, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)room)};
  long n = recvmsg(pair[1], &message, flags);
  printf("received %ld '%s' flags %x", n, text, message.msg_flags & ~MSG_CMSG_CLOEXEC);
  int count = 0;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_type == SCM_RIGHTS) {
      count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(fds, CMSG_DATA(c), sizeof(int) * (size_t)count);
    } else if (c->cmsg_type == SCM_CREDENTIALS) {
      struct ucred who;
      memcpy(&who, CMSG_DATA(c), sizeof who);
      printf(" credentials %d", who.pid == getpid());
    }
  }
  printf(" descriptors %d\n", count);
  return count;
}

int main(void) {
  scratch();
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  int file = MUST(open("file", O_RDWR | O_CREAT, 0600)), fds[20];
  MUST(write(file, "in the file", 11));
  SHOW(send_fds(1, &file, "one"));
  receive_fds(fds, 20, MSG_CMSG_CLOEXEC);
  char text[20] = "";
  SHOW(pread(fds[0], text, 11, 0));
  puts(text);
  SHOW(fcntl(fds[0], F_GETFD));
  int three[3] = {file, 1, pair[0]};
  SHOW(send_fds(3, three, "three descriptors"));
  receive_fds(fds, 20, 0);
  for (int i = 0; i < 3; i++) SHOW(fcntl(fds[i], F_GETFD));
  SHOW(send_fds(3, three, "truncated"));
  int got = receive_fds(fds, 1, 0);
  CHECK(got >= 1 && got <= 2);
  int bad[2] = {file, 12345};
  SHOW(send_fds(2, bad, "bad"));
  int private[2] = {file, 20010};
  SHOW(send_fds(2, private, "private"));
  pid_t child = MUST(fork());
  if (!child) {
    int memory = MUST(memfd_create("passed", 0));
    MUST(write(memory, "from the child", 14));
    MUST(send_fds(1, &memory, "memfd"));
    _exit(0);
  }
  receive_fds(fds, 5, 0);
  reap("child", child);
  SHOW(pread(fds[0], text, 14, 0));
  puts(text);
  int on = 1;
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  MUST(write(pair[0], "with credentials", 16));
  receive_fds(fds, 20, 0);
  int datagrams[2];
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
  struct iovec io[3] = {{"first", 5}, {"second one", 10}, {"third", 5}};
  struct mmsghdr many[3];
  memset(many, 0, sizeof many);
  for (int i = 0; i < 3; i++) many[i].msg_hdr = (struct msghdr){.msg_iov = &io[i], .msg_iovlen = 1};
  SHOW(sendmmsg(datagrams[0], many, 3, 0));
  char buffers[3][20];
  for (int i = 0; i < 3; i++) {
    io[i] = (struct iovec){buffers[i], 8};
    many[i].msg_hdr = (struct msghdr){.msg_iov = &io[i], .msg_iovlen = 1};
  }
  SHOW(recvmmsg(datagrams[1], many, 3, 0, NULL));
  for (int i = 0; i < 3; i++) printf("%u %.*s %x\n", many[i].msg_len, (int)many[i].msg_len, buffers[i], many[i].msg_hdr.msg_flags);
  struct msghdr message = {.msg_iov = (void*)0xffff800000000000, .msg_iovlen = 1};
  SHOW(sendmsg(datagrams[0], &message, 0));
  message.msg_iov = io;
  message.msg_iovlen = 2000;
  SHOW(sendmsg(datagrams[0], &message, 0));
  message.msg_iovlen = 1;
  message.msg_control = (void*)0xffff800000000000;
  message.msg_controllen = 64;
  SHOW(sendmsg(datagrams[0], &message, 0));
  SHOW(sendmsg(datagrams[0], (void*)8, 0));
  SHOW(recvmsg(datagrams[0], (void*)0xffff800000000000, MSG_DONTWAIT));
  return guest_failed();
}
