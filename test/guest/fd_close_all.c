// Shows: a program that closes everything it can (as daemons do) goes on: threads, fork, exec, memory.
// run: both
#include "guest.h"

static void* hello(void* argument) { return argument; }

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("exec'd %s\n", argv[1]);
    return 6;
  }
  for (int how = 0; how < 4; how++) {
    pid_t child = MUST(fork());
    if (!child) {
      if (how == 0)
        for (int i = 3; i < 24576; i++) close(i);  // past every number that the monitor has for itself
      if (how == 1) syscall(SYS_close_range, 3, ~0u, 0);
      if (how == 2) syscall(SYS_close_range, 3, ~0u, 4);   // CLOSE_RANGE_CLOEXEC
      if (how == 3) syscall(SYS_close_range, 3, ~0u, 2);   // CLOSE_RANGE_UNSHARE
      printf("way %d\n", how);
      pthread_t thread;
      void* result = NULL;
      pthread_create(&thread, NULL, hello, "thread");
      pthread_join(thread, &result);
      puts(result ? (char*)result : "none");
      char* p = MUST((char*)mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      for (int i = 0; i < 8 << 20; i += 4096) p[i] = 1;
      pid_t grandchild = MUST(fork());
      if (!grandchild) {
        execl("/proc/self/exe", "x", "grandchild", NULL);
        _exit(99);
      }
      reap("grandchild", grandchild);
      execl("/proc/self/exe", "x", "child", NULL);
      _exit(98);
    }
    reap("child", child);
  }
  // Even the standard ones.
  pid_t child = MUST(fork());
  if (!child) {
    syscall(SYS_close_range, 0, ~0u, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, hello, NULL);
    pthread_join(thread, NULL);
    pid_t grandchild = fork();
    if (!grandchild) _exit(open("/dev/null", O_RDWR) == 0 ? 7 : 8);
    int status;
    waitpid(grandchild, &status, 0);
    _exit(WEXITSTATUS(status));
  }
  reap("closed standard descriptors", child);
  return 0;
}
