// Executes with an argument that another thread points at the monitor's memory while it is copied.
// @technique T1611
// @weakness CWE-367
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively the address is the program's own stack, which it may give away
// @attempts 1
// @reads maps
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

static char own[] = "own-argument";
static char* volatile arguments[4] = {"attack", own, NULL, NULL};
static char* theirs;

static void* flip(void* unused) {
  for (;;) {
    arguments[1] = theirs;
    linger(40);
    arguments[1] = own;
    linger(40);
  }
  return unused;
}

int main(int argc, char** argv) {
  // What came through: itself, or bytes that are not its own.
  if (argc > 1) return strcmp(argv[1], own) == 0 ? 3 : 4;
  static Mapping maps[512];
  int count = read_mappings(maps, 512), reached = 0, good = 0, refused = 0;
  for (int i = 0; i < count; i++)
    if (maps[i].start >= ARENA_END && (!theirs || !strcmp(maps[i].name, "[stack]"))) theirs = (char*)maps[i].end - 64;
  CONTROL("an address", theirs ? 0 : -1);
  while (for_seconds(2)) {
    pid_t child = fork();
    if (child == 0) {
      pthread_t thread;
      pthread_create(&thread, NULL, flip, NULL);
      usleep(500);
      for (int i = 0; i < 200; i++) execv("/proc/self/exe", (char**)arguments);
      _exit(5);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0) break;
    reached |= WEXITSTATUS(status) == 4 || WIFSIGNALED(status);
    good += WEXITSTATUS(status) == 3;
    refused += WEXITSTATUS(status) == 5;
  }
  CONTROL("own argument came through", good + refused > 0 ? 0 : -1);
  MUST_NOT("execve", reached, "EFAULT");
  return 0;
}
