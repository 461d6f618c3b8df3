// Shows: priority-inheritance mutexes exclude, time out, are error-checked and shared between processes.
#include "guest.h"

static pthread_mutex_t* mutex;
static long* counter;
static void* work(void* argument UNUSED) {
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(mutex);
    long seen = *counter;
    if (i % 50 == 0) sched_yield();
    *counter = seen + 1;
    pthread_mutex_unlock(mutex);
  }
  return NULL;
}

int main(void) {
  char* page = MUST((char*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  mutex = (pthread_mutex_t*)page;
  counter = (long*)(page + 2048);
  pthread_mutexattr_t attribute;
  pthread_mutexattr_init(&attribute);
  MUST(-pthread_mutexattr_setprotocol(&attribute, PTHREAD_PRIO_INHERIT));
  MUST(-pthread_mutexattr_setpshared(&attribute, PTHREAD_PROCESS_SHARED));
  MUST(-pthread_mutexattr_settype(&attribute, PTHREAD_MUTEX_ERRORCHECK));
  printf("init: %s\n", errno_name(pthread_mutex_init(mutex, &attribute)));
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  printf("threads %ld\n", *counter);
  pid_t children[4];
  for (int i = 0; i < 4; i++) {
    children[i] = MUST(fork());
    if (!children[i]) {
      work(NULL);
      _exit(0);
    }
  }
  for (int i = 0; i < 4; i++) reap("child", children[i]);
  printf("with processes %ld\n", *counter);
  pthread_mutex_lock(mutex);
  printf("relock: %s\n", errno_name(pthread_mutex_lock(mutex)));
  pid_t child = MUST(fork());
  if (!child) {
    printf("child trylock: %s\n", errno_name(pthread_mutex_trylock(mutex)));
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 0;
    printf("child timed: %s\n", errno_name(pthread_mutex_timedlock(mutex, &until)));
    _exit(0);
  }
  reap("child", child);
  pthread_mutex_unlock(mutex);
  printf("not mine: %s\n", errno_name(pthread_mutex_unlock(mutex)));
  return 0;
}
