// Shows: detached threads that end at any time, the main thread leaving first, exit from another thread.
#include "guest.h"

static int done;
static void* brief(void* argument) {
  if ((long)argument % 3 == 0) sched_yield();
  __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
  if ((long)argument % 2) pthread_exit(NULL);
  return NULL;
}
static void* sleeper(void* argument UNUSED) {
  pause();
  return NULL;
}
static void* leave(void* argument) {
  usleep(20000);
  exit((int)(long)argument);
}
static void* outlive(void* argument UNUSED) {
  usleep(30000);
  puts("still here after main's pthread_exit");
  return NULL;
}

int main(void) {
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  for (long i = 0; i < 200; i++) {
    int error;
    while ((error = pthread_create(&thread, &detached, brief, (void*)i)) == EAGAIN) usleep(1000);
    MUST(-error);
  }
  while (__atomic_load_n(&done, __ATOMIC_RELAXED) < 200) usleep(1000);
  printf("done %d\n", done);
  for (int round = 0; round < 20; round++) {
    pid_t child = MUST(fork());
    if (!child) {  // exits while its threads are just starting or ending
      for (long i = 0; i < 4; i++) pthread_create(&thread, NULL, brief, (void*)i);
      _exit(round);
    }
    int status;
    MUST(waitpid(child, &status, 0));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != round) show_status("round", status);
  }
  pid_t child = MUST(fork());
  if (!child) {
    for (int i = 0; i < 8; i++) pthread_create(&thread, NULL, sleeper, NULL);
    pthread_create(&thread, NULL, leave, (void*)37l);
    pause();
  }
  reap("exit from a thread", child);
  child = MUST(fork());
  if (!child) {
    pthread_create(&thread, NULL, outlive, NULL);
    pthread_exit(NULL);
  }
  reap("main left first", child);
  return 0;
}
