// Shows: exec while other threads close every descriptor, exec themselves, spawn, or change the arguments.
// run: static ; timeout 60s
#include "guest.h"

#include <spawn.h>

extern char** environ;
static volatile int stop;

static void* close_all(void* unused UNUSED) {
  while (!stop) {
    for (int fd = 3; fd < 40; fd++) close(fd);
    int ends[2];
    if (pipe(ends) == 0) {
      close(ends[0]);
      close(ends[1]);
    }
  }
  return NULL;
}
static void* fail_to_exec(void* unused UNUSED) {
  char* arguments[] = {"x", NULL};
  while (!stop) {
    execve("/dev/null", arguments, environ);
    if (errno != EACCES) printf("failed otherwise: %s\n", errno_name(errno));
  }
  return NULL;
}
static void* spawn_programs(void* unused UNUSED) {
  char* arguments[] = {"true", NULL};
  while (!stop) {
    pid_t pid;
    int status = 0, error = posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ);
    if (error)
      printf("spawn: %s\n", errno_name(error));
    else if (waitpid(pid, &status, 0) != pid || status)
      printf("spawn: status %x\n", status);
  }
  return NULL;
}
static void* swap_argument(void* argv) {
  char* volatile* arguments = argv;
  for (int i = 0; !stop; i++) arguments[0] = i & 1 ? (char*)8 : "true";
  return NULL;
}

static void start(pthread_t* threads, int count, void* (*a)(void*), void* (*b)(void*)) {
  for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, i & 1 ? a : b, NULL);
}

int main(int argc, char** argv) {
  pthread_t threads[4];
  const char* what = argc > 1 ? argv[1] : "descriptors";
  int round = argc > 2 ? atoi(argv[2]) : 0;
  const char* next = what;
  if (round == 10) {
    printf("%s: 10 rounds\n", what);
    round = -1;
    next = strcmp(what, "descriptors") == 0 ? "spawns" : NULL;
  }
  if (next) {
    char number[12];
    snprintf(number, sizeof number, "%d", round + 1);
    if (strcmp(next, "descriptors") == 0)
      start(threads, 4, close_all, fail_to_exec);
    else
      start(threads, 3, spawn_programs, fail_to_exec);
    usleep(5000);
    execl("/proc/self/exe", argv[0], next, number, NULL);
    printf("exec: %s\n", errno_name(errno));
    return 1;
  }
  // Not both at once: a vfork child shares the array, as any thread does.
  static char* arguments[] = {"true", NULL};
  pthread_create(&threads[0], NULL, swap_argument, arguments);
  int done = 0;
  for (int i = 0; i < 50; i++) {
    pid_t pid = vfork();
    if (pid == 0) {
      execve("/bin/true", arguments, environ);
      _exit(errno == EFAULT ? 14 : errno);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    done += WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 14);
  }
  stop = 1;
  pthread_join(threads[0], NULL);
  printf("run or EFAULT: %d of 50\n", done);
  return 0;
}
