// Shows: no signal of the process is lost while threads come and go, and a fork is sound while another thread
//        changes actions.
// run: both
#include "guest.h"
#include <semaphore.h>

static volatile int got, stop;
static sem_t open_now;
static void handler(int signo UNUSED) { __atomic_fetch_add(&got, 1, __ATOMIC_SEQ_CST); }

// Leaves with the signal open to its last instruction, as no C library does.
static void* short_lived(void* unused UNUSED) {
  sigset_t none;
  sigemptyset(&none);
  sem_post(&open_now);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  syscall(SYS_exit, 0);
  return NULL;
}

static void* changer(void* unused UNUSED) {
  struct sigaction action = {.sa_flags = SA_RESTART};
  for (int i = 0; !stop; i++) {
    action.sa_handler = i & 1 ? handler : SIG_IGN;
    sigaction(SIGUSR2, &action, NULL);
  }
  return NULL;
}

int main(void) {
  sem_init(&open_now, 0, 0);
  struct sigaction action = {.sa_flags = SA_RESTART};
  action.sa_handler = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  MUST(sigaction(SIGRTMIN, &action, NULL));
  sigset_t block, old;
  sigemptyset(&block);
  sigaddset(&block, SIGRTMIN);
  MUST(pthread_sigmask(SIG_BLOCK, &block, &old));
  int sent = 0;
  for (int i = 0; i < 300; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, short_lived, NULL);
    sem_wait(&open_now);
    for (int k = 0; k < 4; k++) {
      union sigval value = {.sival_int = k};
      MUST(sigqueue(getpid(), SIGRTMIN, value));
      sent++;
    }
    pthread_join(thread, NULL);
  }
  MUST(pthread_sigmask(SIG_SETMASK, &old, NULL));
  syscall(SYS_getppid);
  printf("lost %d\n", sent - got);

  pthread_t thread;
  pthread_create(&thread, NULL, changer, NULL);
  int wrong = 0;
  for (int i = 0; i < 100; i++) {
    pid_t pid = MUST(fork());
    if (pid == 0) {
      alarm(10);
      struct sigaction mine;
      sigaction(SIGUSR2, NULL, &mine);
      raise(SIGUSR1);
      signal(SIGUSR2, SIG_DFL);
      raise(SIGUSR2);
      _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGUSR2) wrong++;
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("wrong %d\n", wrong);
  return guest_failed();
}
