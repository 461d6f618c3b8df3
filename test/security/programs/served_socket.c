// What a socket that a handler serves leads to. argv: a TCP port on the host's 127.0.0.1 and the name of an abstract socket, at
// both of which the host listens. 192.0.2.1:80, [2001:db8::1]:80 and the file /virtual/socket are served.
#include "attempt.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

static int host_port;
static struct sockaddr_un abstract = {.sun_family = AF_UNIX};
// As long as the name, and as long as the structure: old versions of Node listen at the latter.
static socklen_t abstract_sizes[2] = {0, sizeof abstract};

static int served_tcp(int family) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
  inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
  inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
  int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  return connect(fd, family == AF_INET ? (void*)&in : &in6, family == AF_INET ? sizeof in : sizeof in6) ? -1 : fd;
}

static int greeted(int fd) {
  char text[8] = "";
  return read(fd, text, 5) == 5 && !strcmp(text, "hello") ? 0 : -1;
}

static int disconnect(int fd) {
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  return connect(fd, &none, sizeof none);
}

// The host's own loopback address, as both families know it.
static int at_host(int fd, int (*call)(int, const struct sockaddr*, socklen_t)) {
  struct sockaddr_storage own;
  socklen_t size = sizeof own;
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(host_port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(host_port)};
  if (getsockname(fd, (struct sockaddr*)&own, &size)) return -1;
  inet_pton(AF_INET6, call == bind ? "::1" : "::ffff:127.0.0.1", &in6.sin6_addr);
  return own.ss_family == AF_INET ? call(fd, (void*)&in, sizeof in) : call(fd, (void*)&in6, sizeof in6);
}

static int sees_interfaces(int fd) {
  struct ifreq found[16];
  struct ifconf list = {.ifc_len = sizeof found, .ifc_req = found};
  if (ioctl(fd, SIOCGIFCONF, &list)) return 0;
  for (int i = 0; i < list.ifc_len / (int)sizeof *found; i++)
    if (strcmp(found[i].ifr_name, "lo")) return 1;
  return 0;
}

static int sees_index(int fd) {
  struct ifreq request;
  for (int i = 2; i < 64; i++) {
    request.ifr_ifindex = i;
    if (!ioctl(fd, SIOCGIFNAME, &request)) return 1;
  }
  return 0;
}

static void attack_tcp(int family) {
  int fd = served_tcp(family);
  CONTROL("served", fd);
  CONTROL("greeting", greeted(fd));
  MUST_NOT("addresses of the host", sees_interfaces(fd));
  MUST_NOT("interfaces of the host", sees_index(fd));
  CONTROL("disconnect", disconnect(fd));
  ATTEMPT("tcp to the host", at_host(fd, connect));
  int other = served_tcp(family);
  disconnect(other);
  // Taken, in the host's network only.
  MUST_NOT("a port of the host", at_host(other, bind) != 0 && errno == EADDRINUSE);
  int one = 1;
  ATTEMPT("bind to a device", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
  ATTEMPT("mark", setsockopt(fd, SOL_SOCKET, SO_MARK, &one, sizeof one));
}

static void attack_unix(void) {
  int fd = open("/virtual/socket", O_RDWR);
  CONTROL("served", fd);
  CONTROL("greeting", greeted(fd));
  MUST_NOT("addresses of the host", sees_interfaces(fd));
  MUST_NOT("interfaces of the host", sees_index(fd));
  disconnect(fd);
  int taken = 0;
  for (int i = 0; i < 2; i++) {
    int other = open("/virtual/socket", O_RDWR);
    CONTROL("another", other);
    ATTEMPT("abstract socket of the host", connect(other, (void*)&abstract, abstract_sizes[i]));
    taken |= bind(other, (void*)&abstract, abstract_sizes[i]) != 0 && errno == EADDRINUSE;
  }
  MUST_NOT("an abstract name of the host", taken);
  ATTEMPT("listen", listen(fd, 1));
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  host_port = atoi(argv[1]);
  strncpy(abstract.sun_path + 1, argv[2], sizeof abstract.sun_path - 2);
  abstract_sizes[0] = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[2]);
  attack_tcp(AF_INET);
  attack_tcp(AF_INET6);
  attack_unix();
  ATTEMPT("a socket of the host", open("/virtual/host", O_RDWR));
  return 0;
}
