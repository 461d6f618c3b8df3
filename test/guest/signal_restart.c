// Shows: SA_RESTART or EINTR, call by call, as the kernel decides.
// run: both
#include "guest.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int hits;
static int wake_fd = -1;
static void handler(int signo UNUSED) {
  if (hits++ == 0 && wake_fd >= 0) {
    ssize_t ignored = write(wake_fd, "x", 1);
    (void)ignored;
  }
}

static void arm(void) {
  // On a busy machine the first may come before the call; then the second ends it.
  struct itimerval timer = {.it_value = {.tv_usec = 30000}, .it_interval = {.tv_usec = 400000}};
  hits = 0;
  MUST(setitimer(ITIMER_REAL, &timer, NULL));
}
static int disarm(void) {
  struct itimerval timer = {{0, 0}, {0, 0}};
  int error = errno;
  setitimer(ITIMER_REAL, &timer, NULL);
  errno = error;
  return hits > 0;
}

static void set(int flags) {
  struct sigaction action = {.sa_flags = flags};
  action.sa_handler = handler;
  MUST(sigaction(SIGALRM, &action, NULL));
}

#define TRY(call)                       \
  do {                                  \
    arm();                              \
    SHOW(call);                         \
    printf("  hits %d\n", disarm());    \
  } while (0)

int main(void) {
  int p[2], s[2];
  char c;
  MUST(pipe(p));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  int ep = MUST(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN};
  MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &event));
  sigset_t none;
  sigemptyset(&none);
  for (int restart = 0; restart < 2; restart++) {
    printf("-- restart %d\n", restart);
    set(restart ? SA_RESTART : 0);
    wake_fd = p[1];
    TRY(read(p[0], &c, 1));
    if (!restart) MUST(read(p[0], &c, 1));
    wake_fd = s[1];
    TRY(recv(s[0], &c, 1, 0));
    if (!restart) MUST(read(s[0], &c, 1));
    wake_fd = -1;
    struct pollfd poll_in = {.fd = p[0], .events = POLLIN};
    TRY(poll(&poll_in, 1, 5000));
    TRY(ppoll(&poll_in, 1, NULL, &none));
    fd_set set_in;
    FD_ZERO(&set_in);
    FD_SET(p[0], &set_in);
    struct timeval five = {5, 0};
    TRY(select(p[0] + 1, &set_in, NULL, NULL, &five));
    CHECK(five.tv_sec == 4);
    TRY(pselect(0, NULL, NULL, NULL, NULL, &none));
    TRY(epoll_wait(ep, &event, 1, 5000));
    TRY(epoll_pwait(ep, &event, 1, 5000, &none));
    TRY(pause());
    TRY(sigsuspend(&none));
    struct timespec sleep = {5, 0}, rest = {0, 0};
    TRY(nanosleep(&sleep, &rest));
    CHECK(rest.tv_sec == 4);
    rest.tv_sec = 0;
    arm();
    printf("clock_nanosleep %s\n", errno_name(clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, &rest)));
    disarm();
    CHECK(rest.tv_sec == 4);
    sem_t sem;
    sem_init(&sem, 0, 0);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 700 * 1000 * 1000;
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
    TRY(sem_timedwait(&sem, &until));
    sigset_t usr;
    sigemptyset(&usr);
    sigaddset(&usr, SIGUSR1);
    TRY(sigtimedwait(&usr, NULL, &sleep));
    pid_t child = MUST(fork());
    if (child == 0) {
      usleep(700000);
      _exit(3);
    }
    int status = 0;
    arm();
    pid_t got = waitpid(child, &status, 0);
    printf("waitpid %s status %x hits %d\n", got == child ? "child" : errno_name(errno), status, disarm());
    if (got != child) MUST(waitpid(child, &status, 0));
    // flock through fcntl
    int file = MUST(memfd_create("x", 0));
    struct flock lock = {.l_type = F_WRLCK};
    int sync[2];
    MUST(pipe(sync));
    child = MUST(fork());
    if (child == 0) {
      MUST(fcntl(file, F_SETLK, &lock));
      MUST(write(sync[1], "x", 1));
      usleep(700000);
      _exit(0);
    }
    MUST(read(sync[0], &c, 1));
    TRY(fcntl(file, F_SETLKW, &lock));
    MUST(waitpid(child, &status, 0));
    close(sync[0]), close(sync[1]), close(file);
  }
  return guest_failed();
}
