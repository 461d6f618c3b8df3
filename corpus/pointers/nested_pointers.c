// Points into the monitor from inside structures: vectors, messages, argument lists, signal and thread words.
// @technique T1611
// @weakness CWE-822
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively the same addresses are the program's own, and several of the calls would overwrite its stack
// @attempts 14
// @reads maps
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "../attack.h"

// A policy that lets no socket be made refuses the other calls as well, before it looks at what they point to.
static int denied;
static int arrived(void) { return errno != EFAULT && !(denied && errno == EPERM); }

int main(void) {
  static Mapping maps[512];
  int count = read_mappings(maps, 512), pair[2];
  CONTROL("socketpair", socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair));
  denied = errno == EPERM;
  int found = 0, reached[14] = {0};
  static const char* names[] = {"iovec",        "message-control", "message-name",  "message-vector", "argv",
                                "argv-strings", "environment",     "message-array", "select-sets",    "received-control",
                                "timespec",     "timer-old-value", "epoll-events",  "socket-name"};
  for (int i = 0; i < count; i++) {
    if (maps[i].start < ARENA_END || maps[i].end - maps[i].start < 64) continue;
    char* p = (char*)maps[i].start;
    char own[64] = "mine";
    struct iovec good = {own, 4}, bad = {p, 4};
    struct msghdr m;
    found++;
    reached[0] |= syscall(SYS_writev, pair[0], &bad, 1) >= 0;
    m = (struct msghdr){.msg_iov = &good, .msg_iovlen = 1, .msg_control = p, .msg_controllen = 32};
    reached[1] |= sendmsg(pair[0], &m, 0) >= 0 || arrived();
    m = (struct msghdr){.msg_iov = &good, .msg_iovlen = 1, .msg_name = p, .msg_namelen = 16};
    reached[2] |= sendmsg(pair[0], &m, 0) >= 0 || arrived();
    m = (struct msghdr){.msg_iov = (struct iovec*)p, .msg_iovlen = 1};
    reached[3] |= sendmsg(pair[0], &m, 0) >= 0 || arrived();
    reached[4] |= syscall(SYS_execve, "/bin/true", p, NULL) == 0 || arrived();
    char* strings[] = {"true", p, NULL};
    reached[5] |= syscall(SYS_execve, "/bin/true", strings, NULL) == 0 || arrived();
    reached[6] |= syscall(SYS_execve, "/bin/true", (char*[]){"true", NULL}, strings + 1) == 0 || arrived();
    reached[7] |= syscall(SYS_sendmmsg, pair[0], p, 1, 0) >= 0 || arrived();
    reached[8] |= syscall(SYS_pselect6, 1, p, NULL, NULL, NULL, NULL) >= 0 || arrived();
    CONTROL("send", send(pair[0], "x", 1, 0));
    m = (struct msghdr){.msg_iov = &good, .msg_iovlen = 1, .msg_name = p, .msg_namelen = 16};
    reached[9] |= recvmsg(pair[1], &m, 0) >= 0 && m.msg_namelen > 0;
    recv(pair[1], own, sizeof own, 0);
    reached[10] |= syscall(SYS_nanosleep, p, NULL) == 0 || arrived();
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec zero = {0};
    reached[11] |= syscall(SYS_timerfd_settime, timer, 0, &zero, p) == 0 || arrived();
    close(timer);
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLOUT};
    epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event);
    reached[12] |= syscall(SYS_epoll_wait, set, p, 1, 0) > 0;
    close(set);
    socklen_t length = 32;
    reached[13] |= syscall(SYS_getsockname, pair[0], p, &length) == 0 || arrived();
  }
  CONTROL("mappings above the arena", found > 0 ? 0 : (errno = ENODATA, -1));
  for (int i = 0; i < 14; i++) MUST_NOT(names[i], reached[i], "EFAULT");
  return 0;
}
