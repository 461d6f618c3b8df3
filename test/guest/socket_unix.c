// Shows: UNIX sockets: pairs, streams, datagrams, names, credentials, shutdown, peeking.
#include <sys/socket.h>
#include <sys/un.h>

#include "guest.h"

int main(void) {
  scratch();
  int pair[2];
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  char text[100] = "";
  SHOW(send(pair[0], "hello", 5, 0));
  SHOW(recv(pair[1], text, 3, MSG_PEEK));
  SHOW(recv(pair[1], text, 100, 0));
  puts(text);
  SHOW(recv(pair[1], text, 100, MSG_DONTWAIT));
  SHOW(shutdown(pair[0], SHUT_WR));
  SHOW(recv(pair[1], text, 100, 0));
  SHOW(send(pair[0], "x", 1, MSG_NOSIGNAL));
  struct ucred who;
  socklen_t length = sizeof who;
  SHOW(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &length));
  CHECK(who.pid == getpid() && who.uid == getuid());
  int type;
  length = sizeof type;
  SHOW(getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &type, &length));
  printf("type %d\n", type);
  int server = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
  SHOW(bind(server, (void*)&name, sizeof name));
  SHOW(bind(server, (void*)&name, sizeof name));
  SHOW(listen(server, 5));
  pid_t child = MUST(fork());
  if (!child) {
    int client = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(connect(client, (void*)&name, sizeof name));
    MUST(write(client, "from the client", 15));
    MUST(read(client, text, 100));
    _exit(text[0]);
  }
  struct sockaddr_un peer;
  length = sizeof peer;
  int connection = OK(accept(server, (void*)&peer, &length));
  printf("peer length %u\n", length);
  long n = read(connection, text, 100);
  printf("%.*s\n", (int)n, text);
  MUST(write(connection, "A", 1));
  reap("client", child);
  length = 4;
  memset(&peer, 0, sizeof peer);
  SHOW(getsockname(server, (void*)&peer, &length));
  printf("length %u family %d path %.2s\n", length, peer.sun_family, peer.sun_path);
  SHOW(getpeername(server, (void*)&peer, &length));
  int one = MUST(socket(AF_UNIX, SOCK_DGRAM, 0)), two = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  struct sockaddr_un abstract = {.sun_family = AF_UNIX};
  int size = snprintf(abstract.sun_path, sizeof abstract.sun_path, "%cbarchan-test-%d", 0, getpid());
  socklen_t address_length = (socklen_t)(sizeof(sa_family_t) + (size_t)size);
  SHOW(bind(one, (void*)&abstract, address_length));
  SHOW(sendto(two, "datagram", 8, 0, (void*)&abstract, address_length));
  SHOW(recvfrom(one, text, 4, MSG_TRUNC, NULL, NULL));
  SHOW(connect(two, (void*)&abstract, address_length));
  SHOW(send(two, "", 0, 0));
  SHOW(recv(one, text, 100, 0));
  name.sun_path[0] = 'X';
  SHOW(connect(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (void*)&name, sizeof name));
  SHOW(accept(one, NULL, NULL));
  SHOW(socket(99, SOCK_STREAM, 0));
  SHOW(connect(two, (void*)8, 20));
  SHOW(bind(two, (void*)0xffff800000000000, 20));
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, (int*)8));
  return guest_failed();
}
