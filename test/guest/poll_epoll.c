// Shows: epoll: level and edge triggered, one-shot, modification, data words, nested sets, threads, errors.
#include <sys/epoll.h>
#include <sys/socket.h>

#include "guest.h"

static int set;
static void* waiter(void* argument UNUSED) {
  struct epoll_event event;
  long n = epoll_wait(set, &event, 1, 5000);
  return (void*)(n == 1 ? (long)event.data.u64 : -1);
}

int main(void) {
  set = OK(epoll_create1(0));
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, out[4];
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
  SHOW(epoll_wait(set, out, 4, 0));
  MUST(write(pair[1], "abc", 3));
  SHOW(epoll_wait(set, out, 4, 1000));
  printf("%x %lx\n", out[0].events, (unsigned long)out[0].data.u64);
  SHOW(epoll_wait(set, out, 4, 0));
  event.events = EPOLLIN | EPOLLET;
  SHOW(epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event));
  SHOW(epoll_wait(set, out, 4, 0));
  SHOW(epoll_wait(set, out, 4, 0));
  MUST(write(pair[1], "d", 1));
  SHOW(epoll_wait(set, out, 4, 0));
  event.events = EPOLLIN | EPOLLOUT | EPOLLONESHOT;
  SHOW(epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event));
  SHOW(epoll_wait(set, out, 4, 0));
  printf("%x\n", out[0].events);
  SHOW(epoll_wait(set, out, 4, 0));
  int outer = MUST(epoll_create(1));
  struct epoll_event inner = {.events = EPOLLIN, .data.fd = 7};
  SHOW(epoll_ctl(outer, EPOLL_CTL_ADD, set, &inner));
  SHOW(epoll_wait(outer, out, 4, 0));
  event.events = EPOLLIN | EPOLLRDHUP;
  SHOW(epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event));
  SHOW(epoll_wait(outer, out, 4, 0));
  printf("%d\n", out[0].data.fd);
  char text[10];
  MUST(read(pair[0], text, 10));
  pthread_t thread;
  pthread_create(&thread, NULL, waiter, NULL);
  usleep(20000);
  MUST(write(pair[1], "e", 1));
  void* result;
  pthread_join(thread, &result);
  printf("thread %lx\n", (unsigned long)result);
  close(pair[1]);
  SHOW(epoll_wait(set, out, 4, 0));
  printf("%x\n", out[0].events);
  SHOW(epoll_ctl(set, EPOLL_CTL_DEL, pair[0], NULL));
  SHOW(epoll_ctl(set, EPOLL_CTL_DEL, pair[0], NULL));
  SHOW(epoll_wait(set, out, 4, 5));
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, 999, &event));
  SHOW(epoll_ctl(999, EPOLL_CTL_ADD, pair[0], &event));
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, set, &event));
  SHOW(epoll_ctl(set, 99, pair[0], &event));
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], (void*)8));
  int file = MUST(open("/proc/self/exe", O_RDONLY));
  SHOW(epoll_ctl(set, EPOLL_CTL_ADD, file, &event));
  SHOW(epoll_wait(set, out, 0, 0));
  SHOW(epoll_wait(set, out, -1, 0));
  SHOW(epoll_wait(set, (void*)0xffff800000000000, 1, 0));
  SHOW(epoll_wait(file, out, 1, 0));
  SHOW(epoll_create1(0x1234));
  SHOW(epoll_create(0));
  SHOW(epoll_pwait(set, out, 1, 1, NULL));
  return guest_failed();
}
