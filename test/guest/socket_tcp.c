// Shows: TCP and UDP on loopback: accept, many clients, large transfers, non-blocking connect, options, errors.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "guest.h"

#define BYTES (4 << 20)
static struct sockaddr_in address = {.sin_family = AF_INET};
static void* client(void* argument) {
  long number = (long)argument, total = 0, n;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (void*)&address, sizeof address)) return (void*)-1l;
  static __thread char block[16384];
  write(fd, &number, sizeof number);
  while ((n = read(fd, block, sizeof block)) > 0) {
    for (long i = 0; i < n; i++)
      if (block[i] != (char)number) return (void*)-2l;
    total += n;
  }
  close(fd);
  return (void*)total;
}
static void* serve(void* argument) {
  int fd = (int)(long)argument;
  long number = 0;
  recv(fd, &number, sizeof number, MSG_WAITALL);
  char* block = malloc(100000);
  memset(block, (int)number, 100000);
  for (long done = 0, n; done < BYTES; done += n)
    if ((n = send(fd, block, BYTES - done < 100000 ? (size_t)(BYTES - done) : 100000, MSG_NOSIGNAL)) < 0) break;
  free(block);
  close(fd);
  return NULL;
}

int main(void) {
  int server = MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), on = 1;
  SHOW(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  SHOW(bind(server, (void*)&address, sizeof address));
  socklen_t length = sizeof address;
  SHOW(getsockname(server, (void*)&address, &length));
  CHECK(address.sin_port != 0);
  SHOW(listen(server, 16));
  pthread_t clients[4], servers[4];
  for (long i = 0; i < 4; i++) pthread_create(&clients[i], NULL, client, (void*)(i + 1));
  for (int i = 0; i < 4; i++) {
    struct sockaddr_in peer;
    length = sizeof peer;
    int fd = MUST(accept4(server, (void*)&peer, &length, SOCK_CLOEXEC));
    if (peer.sin_addr.s_addr != address.sin_addr.s_addr) puts("wrong peer");
    pthread_create(&servers[i], NULL, serve, (void*)(long)fd);
  }
  for (int i = 0; i < 4; i++) {
    void* total;
    pthread_join(clients[i], &total);
    pthread_join(servers[i], NULL);
    printf("client %d: %ld\n", i, (long)total);
  }
  int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  int result = connect(fd, (void*)&address, sizeof address);
  CHECK(result == 0 || errno == EINPROGRESS);
  struct pollfd poller = {fd, POLLOUT, 0};
  SHOW(poll(&poller, 1, 5000));
  int error = -1;
  length = sizeof error;
  SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
  printf("error %d\n", error);
  SHOW(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  SHOW(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, (void*)8, sizeof on));
  SHOW(setsockopt(fd, SOL_SOCKET, 9999, &on, sizeof on));
  SHOW(recv(fd, &error, 4, 0));
  int connection = MUST(accept(server, NULL, NULL));
  struct linger linger = {1, 0};
  SHOW(setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  close(connection);
  SHOW(poll(&poller, 1, 1000));
  SHOW(recv(fd, &error, 4, 0));
  close(server);
  SHOW(connect(MUST(socket(AF_INET, SOCK_STREAM, 0)), (void*)&address, sizeof address));
  int udp = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  address.sin_port = 0;
  SHOW(bind(udp, (void*)&address, sizeof address));
  length = sizeof address;
  SHOW(getsockname(udp, (void*)&address, &length));
  SHOW(sendto(udp, "to myself", 9, 0, (void*)&address, sizeof address));
  char text[20] = "";
  SHOW(recv(udp, text, 20, 0));
  puts(text);
  struct timeval timeout = {0, 20000};
  SHOW(setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
  SHOW(recv(udp, text, 20, 0));
  return guest_failed();
}
