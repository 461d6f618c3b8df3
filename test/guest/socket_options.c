// Shows: socket options: flat values, lengths, strings, filters with pointers, unknown ones, and bad addresses.
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "guest.h"

static int get(int fd, int level, int name) {
  int value = -12345;
  socklen_t size = sizeof value;
  errno = 0;
  int result = getsockopt(fd, level, name, &value, &size);
  if (result) printf("level %d option %d: %s\n", level, name, errno_name(errno));
  else printf("level %d option %d: %d in %u bytes\n", level, name, value, size);
  return result;
}

int main(void) {
  int tcp = MUST(socket(AF_INET, SOCK_STREAM, 0)), udp = MUST(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0)), pair[2];
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  get(tcp, SOL_SOCKET, SO_TYPE);
  get(tcp, SOL_SOCKET, SO_DOMAIN);
  get(tcp, SOL_SOCKET, SO_PROTOCOL);
  get(tcp, SOL_SOCKET, SO_ERROR);
  get(tcp, SOL_SOCKET, SO_ACCEPTCONN);
  get(udp, IPPROTO_IPV6, IPV6_V6ONLY);
  int one = 1, zero = 0;
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
  get(tcp, SOL_SOCKET, SO_REUSEADDR);
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
  SHOW(setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
  get(tcp, IPPROTO_TCP, TCP_NODELAY);
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, &one, 2));
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, &one, -1));
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, (void*)8, 4));
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, (void*)0xffff800000000000, 4));
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, (void*)0x7e0000000000, 4));
  SHOW(setsockopt(tcp, SOL_SOCKET, 9999, &one, 4));
  SHOW(setsockopt(tcp, 9999, 1, &one, 4));
  SHOW(setsockopt(tcp, IPPROTO_IP, 90, &one, 4));
  SHOW(setsockopt(20010, SOL_SOCKET, SO_REUSEADDR, &one, 4));
  SHOW(setsockopt(1 << 30, SOL_SOCKET, SO_REUSEADDR, &one, 4));
  struct linger linger = {1, 5}, lingers = {0, 0};
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  socklen_t size = sizeof lingers;
  SHOW(getsockopt(tcp, SOL_SOCKET, SO_LINGER, &lingers, &size));
  printf("linger %d %d in %u\n", lingers.l_onoff, lingers.l_linger, size);
  char name[16] = "";
  size = sizeof name;
  SHOW(getsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, name, &size));
  CHECK(size == 16 && name[0]);
  char info[400];
  size = sizeof info;
  SHOW(getsockopt(tcp, IPPROTO_TCP, TCP_INFO, info, &size));
  CHECK(size > 100);
  size = 1;
  SHOW(getsockopt(tcp, SOL_SOCKET, SO_TYPE, name, &size));
  SHOW(size);
  size = -1;
  SHOW(getsockopt(tcp, SOL_SOCKET, SO_TYPE, name, &size));
  size = 4;
  SHOW(getsockopt(tcp, SOL_SOCKET, SO_TYPE, (void*)8, &size));
  SHOW(getsockopt(tcp, SOL_SOCKET, SO_TYPE, name, (void*)8));
  struct ucred who;
  size = sizeof who;
  SHOW(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &size));
  CHECK(who.pid == getpid() && who.uid == getuid());

  // Only datagrams that begin with an 'a'; the rest of them is cut off.
  struct sock_filter keep[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 0, 1),
                               BPF_STMT(BPF_RET | BPF_K, 3), BPF_STMT(BPF_RET | BPF_K, 0)};
  struct sock_fprog program = {4, keep};
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
  send(pair[0], "banana", 6, 0);
  SHOW(send(pair[0], "apple", 5, 0));
  char text[20] = "";
  SHOW(recv(pair[1], text, 20, MSG_DONTWAIT));
  puts(text);
  struct sock_filter seen[8];
  size = 8;
  SHOW(getsockopt(pair[1], SOL_SOCKET, SO_GET_FILTER, seen, &size));
  printf("%u instructions, same %d\n", size, !memcmp(seen, keep, sizeof keep));
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_LOCK_FILTER, &zero, sizeof zero));
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_DETACH_FILTER, &zero, sizeof zero));
  program.filter = (void*)8;
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, 8));
  program = (struct sock_fprog){0, keep};
  SHOW(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
  int number = 12345;
  SHOW(setsockopt(pair[1], SOL_SOCKET, 50 /* SO_ATTACH_BPF */, &number, sizeof number));
  SHOW(socket(77, SOCK_STREAM, 0));
  SHOW(socket(AF_INET, 0x4000, 0));
  SHOW(socket(AF_INET, SOCK_STREAM, 999));
  SHOW(socketpair(AF_INET, SOCK_STREAM, 0, pair));
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, (int*)8));
  SHOW(setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 20000}, sizeof(struct timeval)));
  SHOW(recv(udp, text, 1, 0));
  return guest_failed();
}
