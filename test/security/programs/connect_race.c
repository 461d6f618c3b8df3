// Connects datagram sockets ROUNDS times to an address that another thread switches between two ports all the time, and
// sends a byte wherever it got. Prints how many connects succeeded and how many were refused with EACCES.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address = {.sin_family = AF_INET};
static int ports[2];
static volatile int done;

static void* switches(void* unused) {
  for (unsigned i = 0; !done; i++) *(volatile in_port_t*)&address.sin_port = htons(ports[i & 1]);
  return unused;
}

int main(int argc, char** argv) {
  for (int i = 0; i < 2; i++) ports[i] = atoi(argv[1 + i]);
  const int rounds = atoi(argv[3]);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  pthread_t thread;
  pthread_create(&thread, 0, switches, 0);
  int connected = 0, refused = 0;
  for (int i = 0; i < rounds; i++) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(fd, (void*)&address, sizeof address) == 0) {
      connected++;
      send(fd, "x", 1, 0);
    } else if (errno == EACCES) {
      refused++;
    }
    close(fd);
  }
  done = 1;
  pthread_join(thread, 0);
  printf("%d %d\n", connected, refused);
}
