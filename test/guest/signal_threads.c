// Shows: pthread_kill, per-thread masks and alternate stacks, sigwait in a thread, process-directed signals finding
//        a thread that takes them, and a cross-fire of signals between threads.
// run: both
#include "guest.h"
#include <semaphore.h>

static sem_t ready, done;
static __thread volatile int mine;
static volatile int total;
static volatile int* volatile nowhere = (int*)8;
static volatile pthread_t ran_on;

static void handler(int signo UNUSED) {
  mine++;
  ran_on = pthread_self();
  __atomic_fetch_add(&total, 1, __ATOMIC_SEQ_CST);
}

static void* spinner(void* stop) {
  sem_post(&ready);
  while (!__atomic_load_n((int*)stop, __ATOMIC_RELAXED)) {
  }
  return (void*)(long)mine;
}
static void* sleeper(void* stop) {
  sem_post(&ready);
  while (!__atomic_load_n((int*)stop, __ATOMIC_RELAXED)) usleep(1000);
  return (void*)(long)mine;
}
static void* waiter(void* unused UNUSED) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sem_post(&ready);
  int signo;
  for (int i = 0; i < 50; i++) {
    sigwait(&set, &signo);
    sem_post(&done);
  }
  return (void*)(long)signo;
}
static void* inherits(void* unused UNUSED) {
  sigset_t now, pending;
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  sigpending(&pending);
  stack_t stack;
  sigaltstack(NULL, &stack);
  printf("new thread: USR2 blocked %d, altstack %x, USR1 %d\n", sigismember(&now, SIGUSR2), stack.ss_flags,
         sigismember(&now, SIGUSR1));
  return NULL;
}

static pthread_t peers[4];
static pthread_barrier_t barrier;  // all four and main: nobody signals a thread that is not there
static void* crossfire(void* index) {
  long me = (long)index;
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 200; i++) {
    int result = pthread_kill(peers[(me + 1 + i) % 4], SIGUSR1);
    if (result) printf("pthread_kill %s\n", errno_name(result));
    if (i % 8 == 0) free(malloc((size_t)(i * 100 + 1)));
  }
  pthread_barrier_wait(&barrier);
  return NULL;
}

int main(void) {
  sem_init(&ready, 0, 0);
  sem_init(&done, 0, 0);
  struct sigaction action = {.sa_flags = SA_RESTART};
  action.sa_handler = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  sigset_t usr2;
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &usr2, NULL);
  static char alternate[16384];
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, NULL);

  pthread_t thread;
  void* result;
  for (int kind = 0; kind < 2; kind++) {
    int stop = 0;
    total = 0;
    pthread_create(&thread, NULL, kind ? sleeper : spinner, &stop);
    sem_wait(&ready);
    for (int i = 1; i <= 50; i++) {
      pthread_kill(thread, SIGUSR1);
      while (total < i) sched_yield();
      if (!pthread_equal(ran_on, thread)) puts("wrong thread");
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, &result);
    printf("thread got %ld, main %d\n", (long)result, mine);
  }

  pthread_create(&thread, NULL, inherits, NULL);
  pthread_join(thread, NULL);

  pthread_create(&thread, NULL, waiter, NULL);
  sem_wait(&ready);
  for (int i = 0; i < 50; i++) {
    kill(getpid(), SIGUSR2);
    sem_wait(&done);
  }
  pthread_join(thread, &result);
  printf("waiter last %s\n", sigabbrev_np((int)(long)result));

  // Main blocks USR1: the process's goes to the other thread.
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  int stop = 0;
  total = 0;
  pthread_create(&thread, NULL, spinner, &stop);
  sem_wait(&ready);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  kill(getpid(), SIGUSR1);
  while (total < 1) sched_yield();
  printf("taken by the other %d\n", pthread_equal(ran_on, thread) != 0);
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);

  total = 0;
  pthread_barrier_init(&barrier, NULL, 5);
  for (long i = 0; i < 4; i++) pthread_create(&peers[i], NULL, crossfire, (void*)i);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 4; i++) pthread_join(peers[i], NULL);
  printf("crossfire some %d\n", total > 0);

  // Death of all by one thread's fault.
  pid_t pid = MUST(fork());
  if (pid == 0) {
    stop = 0;
    pthread_create(&thread, NULL, spinner, &stop);
    pthread_create(&thread, NULL, sleeper, &stop);
    sem_wait(&ready), sem_wait(&ready);
    *nowhere = 1;
    _exit(0);
  }
  reap("all die", pid);
  return guest_failed();
}
