// Shows: a robust mutex tells the next owner that its holder died, for a thread and for a killed process.
#include "guest.h"

static pthread_mutex_t* mutex;
static void* die_with_lock(void* argument UNUSED) {
  pthread_mutex_lock(mutex);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "quit")) return 0;
  mutex = MUST((pthread_mutex_t*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  pthread_mutexattr_t attribute;
  pthread_mutexattr_init(&attribute);
  pthread_mutexattr_setrobust(&attribute, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&attribute, PTHREAD_PROCESS_SHARED);
  MUST(-pthread_mutex_init(mutex, &attribute));
  pthread_t thread;
  pthread_create(&thread, NULL, die_with_lock, NULL);
  pthread_join(thread, NULL);
  printf("after a thread: %s\n", errno_name(pthread_mutex_lock(mutex)));
  printf("consistent: %d\n", pthread_mutex_consistent(mutex));
  pthread_mutex_unlock(mutex);
  for (int how = 0; how < 3; how++) {
    int ready[2];
    MUST(pipe(ready));
    pid_t child = MUST(fork());
    if (!child) {
      pthread_mutex_lock(mutex);
      MUST(write(ready[1], "x", 1));
      if (how == 0) _exit(0);
      if (how == 1) pause();
      if (how == 2) execl("/proc/self/exe", "again", "quit", NULL);
      _exit(9);
    }
    char c;
    MUST(read(ready[0], &c, 1));
    if (how == 1) {
      printf("held: %s\n", errno_name(pthread_mutex_trylock(mutex)));
      MUST(kill(child, SIGKILL));
    }
    int error = pthread_mutex_lock(mutex);  // waits for the death
    printf("way %d: %s\n", how, errno_name(error));
    if (error == EOWNERDEAD) pthread_mutex_consistent(mutex);
    pthread_mutex_unlock(mutex);
    int status;
    MUST(waitpid(child, &status, 0));
  }
  pthread_mutex_lock(mutex);
  pthread_mutex_unlock(mutex);
  pthread_create(&thread, NULL, die_with_lock, NULL);
  pthread_join(thread, NULL);
  printf("again: %s\n", errno_name(pthread_mutex_lock(mutex)));
  pthread_mutex_unlock(mutex);  // without making it consistent
  printf("unrecoverable: %s\n", errno_name(pthread_mutex_lock(mutex)));
  return 0;
}
