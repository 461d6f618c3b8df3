// Shows: POSIX message queues: attributes, priorities, time limits, notification by signal and by thread.
#include <mqueue.h>

#include "guest.h"

static volatile int notified;
static void on_signal(int signo UNUSED, siginfo_t* info, void* context UNUSED) {
  notified = info->si_value.sival_int + (info->si_code == SI_MESGQ);
}
static void on_thread(union sigval value) { notified = value.sival_int; }

int main(void) {
  char name[64];
  snprintf(name, sizeof name, "/guest-mqueue-%d", getpid());
  struct mq_attr wanted = {.mq_maxmsg = 4, .mq_msgsize = 32}, seen;
  mqd_t queue = MUST(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &wanted));
  SHOW(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &wanted));
  SHOW(mq_open("/guest-absent", O_RDWR));
  SHOW(mq_open("no-slash", O_RDWR));
  SHOW(mq_getattr(queue, &seen));
  printf("max %ld size %ld now %ld\n", seen.mq_maxmsg, seen.mq_msgsize, seen.mq_curmsgs);
  SHOW(mq_send(queue, "low", 4, 1));
  SHOW(mq_send(queue, "high", 5, 9));
  SHOW(mq_send(queue, "too long for this queue of messages", 36, 9));
  char text[32];
  unsigned priority;
  SHOW(mq_receive(queue, text, 32, &priority));
  printf("%s %u\n", text, priority);
  SHOW(mq_receive(queue, text, 32, &priority));
  printf("%s %u\n", text, priority);
  SHOW(mq_receive(queue, text, 5, &priority));
  struct timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_nsec += 20000000;
  if (limit.tv_nsec >= 1000000000) limit.tv_sec++, limit.tv_nsec -= 1000000000;
  SHOW(mq_timedreceive(queue, text, 32, &priority, &limit));

  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  MUST(sigaction(SIGUSR1, &action, NULL));
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 40};
  SHOW(mq_notify(queue, &event));
  SHOW(mq_notify(queue, &event));
  SHOW(mq_send(queue, "ring", 5, 0));
  SHOW(notified);
  SHOW(mq_receive(queue, text, 32, NULL));
  event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread, .sigev_value.sival_int = 77};
  SHOW(mq_notify(queue, &event));
  SHOW(mq_send(queue, "ring", 5, 0));
  for (int i = 0; i < 500 && notified != 77; i++) usleep(10000);
  SHOW(notified);
  SHOW(mq_receive(queue, text, 32, NULL));
  SHOW(mq_notify(queue, NULL));
  SHOW(syscall(SYS_mq_notify, queue, 8));
  SHOW(syscall(SYS_mq_notify, 20010, &event));
  SHOW(mq_close(queue));
  SHOW(mq_unlink(name));
  SHOW(mq_unlink(name));
  return 0;
}
