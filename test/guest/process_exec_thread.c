// Shows: exec from a thread other than the first ends the others and keeps the process id; fexecve; execveat.
// run: both
#include "guest.h"

static char pid_text[20];
static void* spin(void* argument UNUSED) {
  for (;;) {
  }
}
static void* block(void* argument UNUSED) {
  for (;;) pause();
}
static void* do_exec(void* how) {
  usleep(10000);
  if (how) {
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char* arguments[] = {"me", "by-fd", pid_text, NULL};
    char* environment[] = {NULL};
    fexecve(fd, arguments, environment);
  } else {
    execl("/proc/self/exe", "me", "by-path", pid_text, NULL);
  }
  _exit(99);
}

int main(int argc, char** argv) {
  if (argc > 2) {
    printf("%s: same pid %d, thread id is process id %d\n", argv[1], atoi(argv[2]) == getpid(), getpid() == (int)syscall(SYS_gettid));
    int tasks = 0;
    FILE* status = fopen("/proc/self/status", "r");
    char line[200];
    while (status && fgets(line, sizeof line, status)) sscanf(line, "Threads: %d", &tasks);
    printf("threads %d\n", tasks);
    return 8;
  }
  for (long how = 0; how < 2; how++) {
    for (int others = 0; others < 4; others++) {
      pid_t pid = MUST(fork());
      if (!pid) {
        snprintf(pid_text, sizeof pid_text, "%d", getpid());
        pthread_t thread;
        for (int i = 0; i < others; i++) pthread_create(&thread, NULL, i & 1 ? spin : block, NULL);
        pthread_create(&thread, NULL, do_exec, (void*)how);
        block(NULL);
      }
      reap("exec", pid);
    }
  }
  return 0;
}
