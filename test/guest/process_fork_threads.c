// Shows: fork from threads while others run, allocate and fork too: each child has one thread and works on.
// run: static ; timeout 60s
#include "guest.h"

static volatile int stop;
static pthread_mutex_t print = PTHREAD_MUTEX_INITIALIZER;
static void* noise(void* argument UNUSED) {
  while (!stop) {
    void* p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(volatile char*)p = 1;
    munmap(p, 65536);
  }
  return NULL;
}
static void* hello(void* argument) { return (void*)((long)argument + 1); }
static void* forker(void* argument) {
  long me = (long)argument, good = 0;
  for (int i = 0; i < 10; i++) {
    pid_t child = fork();
    if (!child) {
      char* p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      p[5000] = 1;
      void* result;
      pthread_t thread;
      if (i % 5 == 0) {
        if (pthread_create(&thread, NULL, hello, (void*)me) || pthread_join(thread, &result)) _exit(100);
        if ((long)result != me + 1) _exit(101);
      }
      _exit((int)me * 10 + i);
    }
    int status;
    if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == me * 10 + i) {
      good++;
    } else {
      pthread_mutex_lock(&print);
      printf("thread %ld round %d: child %d ", me, i, child);
      show_status("", status);
      pthread_mutex_unlock(&print);
    }
  }
  return (void*)good;
}

int main(void) {
  pthread_t noises[2], forkers[4];
  for (int i = 0; i < 2; i++) pthread_create(&noises[i], NULL, noise, NULL);
  for (long i = 0; i < 4; i++) pthread_create(&forkers[i], NULL, forker, (void*)i);
  for (int i = 0; i < 4; i++) {
    void* good;
    pthread_join(forkers[i], &good);
    printf("forker %d: %ld good\n", i, (long)good);
  }
  stop = 1;
  for (int i = 0; i < 2; i++) pthread_join(noises[i], NULL);
  return 0;
}
