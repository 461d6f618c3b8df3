// Tries what its arguments name, one after the other, and prints NAME=ok or NAME=ERRNO for each.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int port;

static long in_child(long pid) {
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(pid, 0, 0);
  return pid;
}

static struct sockaddr_in v4(const char* host) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &a.sin_addr);
  return a;
}

static struct sockaddr_in6 v6(const char* host) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, host, &a.sin6_addr);
  return a;
}

static long connect4(const char* host) {
  struct sockaddr_in a = v4(host);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  long r = connect(fd, (void*)&a, sizeof a);
  int error = errno;
  close(fd);
  errno = error;
  return r;
}

static long connect6(const char* host) {
  struct sockaddr_in6 a = v6(host);
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  long r = connect(fd, (void*)&a, sizeof a);
  int error = errno;
  close(fd);
  errno = error;
  return r;
}

static long send_to(int family, int by_message, int with_route) {
  struct sockaddr_in a = v4("127.0.0.1");
  a.sin_family = family;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (!by_message) return sendto(fd, "x", 1, 0, (void*)&a, sizeof a);
  struct iovec v = {"x", 1};
  char control[CMSG_SPACE(8)] = {0};
  struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1};
  if (with_route) {
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_RETOPTS;
    c->cmsg_len = CMSG_LEN(8);
  }
  return sendmsg(fd, &m, 0);
}

static long route_option(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  unsigned char options[8] = {131, 7, 4, 127, 0, 0, 1, 0};  // loose source route
  return setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, sizeof options);
}

static long map(int prot, int flags, int fd) {
  void* p = mmap(0, 4096, prot, flags, fd, 0);
  return p == MAP_FAILED ? -1 : 0;
}

static long make_executable(int first) {
  void* p = mmap(0, 4096, first, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long shm_executable(void) {
  int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  void* p = shmat(id, 0, SHM_EXEC);
  int error = errno;
  shmctl(id, IPC_RMID, 0);
  errno = error;
  return p == (void*)-1 ? -1 : 0;
}

static int memfd(void) {
  int fd = memfd_create("x", 0);
  ftruncate(fd, 4096);
  return fd;
}

static long attempt(const char* name) {
  const int rx = PROT_READ | PROT_EXEC, rw = PROT_READ | PROT_WRITE;
  if (!strcmp(name, "open")) return syscall(SYS_open, "/etc/passwd", O_RDONLY);
  if (!strcmp(name, "openat")) return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
  if (!strcmp(name, "openat2")) {
    unsigned long how[3] = {0};
    return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof how);
  }
  if (!strcmp(name, "getxattr")) return syscall(SYS_getxattr, "/etc/passwd", "user.x", 0, 0);
  if (!strcmp(name, "openat2-write")) {
    unsigned long how[3] = {O_WRONLY};
    return syscall(SYS_openat2, AT_FDCWD, "/dev/null", how, sizeof how);
  }
  if (!strcmp(name, "openat2-no-links")) {
    unsigned long how[3] = {O_RDONLY, 0, 4 /* RESOLVE_NO_SYMLINKS */};
    return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof how);
  }
  if (!strcmp(name, "openat2-nowhere")) return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", 8, 24);
  if (!strcmp(name, "openat-write")) return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY);
  if (!strcmp(name, "creat")) return syscall(SYS_creat, "/dev/null", 0600);
  if (!strcmp(name, "dup")) return syscall(SYS_dup, 1);
  if (!strcmp(name, "dup2")) return syscall(SYS_dup2, 1, 9);
  if (!strcmp(name, "dup3")) return syscall(SYS_dup3, 1, 9, O_CLOEXEC);
  if (!strcmp(name, "fork")) return in_child(syscall(SYS_fork));
  if (!strcmp(name, "clone")) return in_child(syscall(SYS_clone, 17, 0, 0, 0, 0));
  if (!strcmp(name, "execve")) return execve("/nonexistent", 0, 0);
  if (!strcmp(name, "ptrace")) return syscall(SYS_ptrace, 0, 0, 0, 0);
  if (!strcmp(name, "unknown")) return syscall(1000);
  struct stat status;
  if (!strcmp(name, "fstat")) return fstat(0, &status);
  if (!strcmp(name, "stat")) return stat("/etc/passwd", &status);
  if (!strcmp(name, "getppid")) return syscall(SYS_getppid);
  if (!strcmp(name, "socket-unix")) return socket(AF_UNIX, SOCK_STREAM, 0);
  if (!strcmp(name, "socket-inet")) return socket(AF_INET, SOCK_STREAM, 0);
  if (!strcmp(name, "socket-inet-high")) return syscall(SYS_socket, AF_INET | 1ul << 32, SOCK_STREAM, 0);
  if (!strcmp(name, "socket-raw")) return socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  if (!strcmp(name, "socket-packet")) return socket(AF_PACKET, SOCK_RAW, 0);
  if (!strcmp(name, "connect")) return connect4("127.0.0.1");
  if (!strcmp(name, "connect-other")) return connect4("127.0.0.2");
  if (!strcmp(name, "connect-any")) return connect4("0.0.0.0");
  if (!strcmp(name, "connect-mapped")) return connect6("::ffff:127.0.0.1");
  if (!strcmp(name, "connect-mapped-other")) return connect6("::ffff:127.0.0.2");
  if (!strcmp(name, "connect-six")) return connect6("::1");
  if (!strcmp(name, "sendto")) return send_to(AF_INET, 0, 0);
  if (!strcmp(name, "sendto-unspec")) return send_to(AF_UNSPEC, 0, 0);
  if (!strcmp(name, "sendmsg")) return send_to(AF_INET, 1, 0);
  if (!strcmp(name, "sendmsg-unspec")) return send_to(AF_UNSPEC, 1, 0);
  if (!strcmp(name, "sendmsg-route")) return send_to(AF_INET, 1, 1);
  if (!strcmp(name, "route-option")) return route_option();
  if (!strcmp(name, "map-wx")) return map(rw | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!strcmp(name, "map-x")) return map(rx, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (!strcmp(name, "protect-w-to-x")) return make_executable(rw);
  if (!strcmp(name, "protect-r-to-x")) return make_executable(PROT_READ);
  if (!strcmp(name, "protect-none-to-x")) return make_executable(PROT_NONE);
  if (!strcmp(name, "memfd-x")) return map(rx, MAP_PRIVATE, memfd());
  if (!strcmp(name, "memfd-shared-x")) return map(rx, MAP_SHARED, memfd());
  if (!strcmp(name, "shm-x")) return shm_executable();
  fprintf(stderr, "there is no attempt %s\n", name);
  exit(99);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    if (!strncmp(argv[i], "port=", 5)) {
      port = atoi(argv[i] + 5);
      continue;
    }
    errno = 0;
    long r = attempt(argv[i]);
    printf("%s=%s\n", argv[i], r >= 0 ? "ok" : strerrorname_np(errno));
    fflush(stdout);
  }
}
