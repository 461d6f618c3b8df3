// Shows: every option of every usual level on every usual socket, got and set with good and bad arguments, as an unprivileged user.
// run: both ; timeout 120s
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "guest.h"

// Level, and the options that are asked for: all there are, and some more.
static const struct {
  int number, names;
} levels[] = {{0, 64}, {1, 96}, {2, 3}, {6, 56}, {17, 110}, {41, 64}, {58, 8}, {99, 3}, {132, 8}, {136, 16}, {255, 8}, {263, 28}, {264, 2}, {266, 2}, {268, 2}, {269, 20}, {270, 20}, {271, 2}, {272, 2}, {273, 2}, {274, 2}, {276, 8}, {278, 2}, {279, 8}, {281, 3}, {282, 8}, {283, 9}, {284, 8}, {285, 3}, {286, 3}, {287, 3}, {-1, 2}};

static uint32_t hash;
static void mix(long value) { hash = (hash ^ (uint32_t)value) * 16777619u; }

// Prints `count` results in one line where they are not all ENOPROTOOPT or the like.
static void line(const char* what, const char* kind, int level, int name, long const* results, const int* errors, int count) {
  int dull = 1;
  for (int i = 0; i < count; i++) dull &= results[i] < 0 && (errors[i] == ENOPROTOOPT || errors[i] == EOPNOTSUPP || errors[i] == EINVAL || errors[i] == EFAULT);
  for (int i = 0; i < count; i++) mix(results[i] < 0 ? errors[i] : results[i]);
  if (dull) {
    static int before_level, before_error[8];
    int same = level == before_level;
    for (int i = 0; i < count; i++) same &= before_error[i] == errors[i];
    if (same) return;
    before_level = level;
    memcpy(before_error, errors, sizeof(int) * (unsigned)count);
  }
  printf("%s %s %d/%d:", what, kind, level, name);
  for (int i = 0; i < count; i++) {
    if (results[i] < 0) printf(" %s", errno_name(errors[i]));
    else printf(" %ld", results[i]);
  }
  printf("\n");
}

// The length that comes back, or the error.
// Firewalls' and other administrators' tables, TCP_ZEROCOPY_RECEIVE, MPTCP_FULL_INFO: no options of a guest's sockets (docs/syscalls.md).
static int is_left_out(int level, int name) {
  if (level == 0 || level == 41) return name >= 64;
  return (level == 6 && name == 35) || (level == 284 && name == 4);
}

static long get(int fd, int level, int name, void* value, unsigned* length, int* error) {
  errno = 0;
  long r = syscall(SYS_getsockopt, fd, level, name, value, length);
  *error = errno;
  return r < 0 ? r : (long)*length;
}

static void gets_all(const char* kind, int fd) {
  for (unsigned l = 0; l < sizeof levels / sizeof *levels; l++) {
    for (int name = 0; name < levels[l].names; name++) {
      if (is_left_out(levels[l].number, name)) continue;
      if (levels[l].number == 1 && name == 77) continue;  // SO_PEERPIDFD makes a descriptor: below
      char value[512];
      long results[6];
      int errors[6];
      unsigned length = 4;
      memset(value, 0, sizeof value);
      results[0] = get(fd, levels[l].number, name, value, &length, &errors[0]);
      length = 256;
      memset(value, 0, sizeof value);
      results[1] = get(fd, levels[l].number, name, value, &length, &errors[1]);
      if (results[1] > 4) results[1] = 5;  // some differ by what the network is like
      length = 0;
      results[2] = get(fd, levels[l].number, name, value, &length, &errors[2]);
      length = -1u;
      results[3] = get(fd, levels[l].number, name, value, &length, &errors[3]);
      length = 4;
      results[4] = get(fd, levels[l].number, name, (void*)8, &length, &errors[4]);
      errno = 0;
      results[5] = syscall(SYS_getsockopt, fd, levels[l].number, name, value, (void*)-4096l);
      errors[5] = errno;
      line("get", kind, levels[l].number, name, results, errors, 6);
    }
  }
}

static void sets_all(const char* kind, int domain, int type, int protocol) {
  for (unsigned l = 0; l < sizeof levels / sizeof *levels; l++) {
    for (int name = 0; name < levels[l].names; name++) {
      if (is_left_out(levels[l].number, name)) continue;
      long results[6];
      int errors[6];
      int fd = socket(domain, type, protocol);
      for (int i = 0; i < 6; i++) {
        int value[64] = {0};
        value[0] = i == 1;
        errno = 0;
        switch (i) {
          case 0:
          case 1: results[i] = setsockopt(fd, levels[l].number, name, value, 4); break;
          case 2: results[i] = setsockopt(fd, levels[l].number, name, value, 0); break;
          case 3: results[i] = syscall(SYS_setsockopt, fd, levels[l].number, name, value, -1); break;
          case 4: results[i] = syscall(SYS_setsockopt, fd, levels[l].number, name, (void*)8, 4); break;
          default: results[i] = setsockopt(fd, levels[l].number, name, value, sizeof value);
        }
        errors[i] = errno;
      }
      close(fd);
      line("set", kind, levels[l].number, name, results, errors, 6);
    }
  }
}

static void one(const char* kind, int domain, int type, int protocol) {
  int fd = socket(domain, type, protocol);
  if (fd < 0) {
    printf("%s: %s\n", kind, errno_name(errno));
    return;
  }
  gets_all(kind, fd);
  close(fd);
  sets_all(kind, domain, type, protocol);
  printf("%s: %08x\n", kind, hash);
}

static void peers(void) {
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  int pidfd = -1;
  unsigned length = sizeof pidfd;
  long r = SHOW(getsockopt(pair[0], SOL_SOCKET, 77, &pidfd, &length));
  if (r == 0) {
    printf("%u %d %d\n", length, pidfd, fcntl(pidfd, F_GETFD));
    close(pidfd);
    length = 2;
    SHOW(getsockopt(pair[0], SOL_SOCKET, 77, &pidfd, &length));
    length = 4;
    SHOW(getsockopt(pair[0], SOL_SOCKET, 77, (void*)8, &length));
    SHOW(dup(0));
  }
  close(pair[0]);
  close(pair[1]);
}

int main(void) {
  for (int i = 3; i < 64; i++) close(i);
  if (getuid() == 0) MUST(setresuid(65534, 65534, 65534));
  peers();
  for (int i = 3; i < 64; i++) close(i);
  one("tcp", AF_INET, SOCK_STREAM, 0);
  one("udp", AF_INET, SOCK_DGRAM, 0);
  one("tcp6", AF_INET6, SOCK_STREAM, 0);
  one("udp6", AF_INET6, SOCK_DGRAM, 0);
  one("unix stream", AF_UNIX, SOCK_STREAM, 0);
  one("unix datagram", AF_UNIX, SOCK_DGRAM, 0);
  one("netlink", AF_NETLINK, SOCK_RAW, 0);
  one("raw", AF_INET, SOCK_RAW, IPPROTO_ICMP);
  one("mptcp", AF_INET, SOCK_STREAM, 262);
  one("udplite", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
  return 0;
}
