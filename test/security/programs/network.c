// Reaching the host by its network and IPC. argv: a TCP port on 127.0.0.1, the name of an abstract socket, the path of
// a socket, the key of a shared-memory segment.
#include "attempt.h"

#include <arpa/inet.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static int tcp(const char* address, int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &to.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  struct timeval limit = {2, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  int result = connect(fd, (struct sockaddr*)&to, sizeof to), error = errno;
  close(fd);
  errno = error;
  return result;
}

static int local_of(const char* name, int abstract, socklen_t size) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + abstract, name, sizeof to.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  int result = connect(fd, (struct sockaddr*)&to, size), error = errno;
  close(fd);
  errno = error;
  return result;
}

// An abstract name ends where the address does: versions of Node.js listen with the zeros behind it, or without them.
static int local(const char* name, int abstract) {
  int result = local_of(name, abstract, sizeof(struct sockaddr_un));
  if (result == 0) return result;
  return local_of(name, abstract, offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract);
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  int pair[2];
  CONTROL("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  ATTEMPT("tcp to the host", tcp("127.0.0.1", atoi(argv[1])));
  ATTEMPT("tcp to the world", tcp("192.0.2.1", 80));
  ATTEMPT("abstract socket", local(argv[2], 1));
  ATTEMPT("socket in /tmp", local(argv[3], 0));
  ATTEMPT("shared memory", shmget(atoi(argv[4]), 0, 0));
  ATTEMPT("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  ATTEMPT("packet socket", socket(AF_PACKET, SOCK_RAW, htons(3)));
  ATTEMPT("bring an interface up", ({
            struct ifreq request = {.ifr_flags = IFF_UP};
            strcpy(request.ifr_name, "lo");
            int fd = socket(AF_INET, SOCK_DGRAM, 0);
            fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
          }));
  struct if_nameindex* names = if_nameindex();
  int others = 0;
  for (struct if_nameindex* at = names; names && at->if_index; at++) others += strcmp(at->if_name, "lo") != 0;
  MUST_NOT("interfaces of the host", others != 0);
  return 0;
}
