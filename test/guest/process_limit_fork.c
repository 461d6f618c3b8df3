// Shows: fork, vfork, threads and exec at RLIMIT_NPROC: the maker gets EAGAIN, and no child is born that cannot run.
// run: both ; timeout 60s
#include <sys/prctl.h>
#include <sys/resource.h>

#include "guest.h"

static void* idle(void* unused) { return unused; }

int main(int argc, char** argv) {
  if (argc > 1) return 5;
  argv[0] = realpath(argv[0], NULL);
  if (getuid() == 0) MUST(setresuid(54321, 54321, 54321));
  for (rlim_t most = 1; most < 14; most++) {
    struct rlimit limit = {most, 100};
    MUST(setrlimit(RLIMIT_NPROC, &limit));
    pid_t pids[16];
    int made = 0, error = 0;
    for (; made < 16; made++) {
      int pipes[2];
      char byte;
      MUST(pipe(pipes));
      pid_t pid = fork();
      if (pid == 0) {
        write(pipes[1], "x", 1);
        pause();
        _exit(0);
      }
      error = errno;
      close(pipes[1]);
      if (pid < 0) {
        close(pipes[0]);
        break;
      }
      // It runs.
      if (read(pipes[0], &byte, 1) != 1) printf("a child that does not run\n");
      close(pipes[0]);
      pids[made] = pid;
    }
    if (made == 16 || error != EAGAIN) printf("no EAGAIN: %d %s\n", made, errno_name(error));
    pthread_t thread;
    int result = pthread_create(&thread, NULL, idle, NULL);
    if (result == 0) pthread_join(thread, NULL);
    else if (result != EAGAIN) printf("thread: %s\n", errno_name(result));
    pid_t pid = vfork();
    if (pid == 0) {
      execl(argv[0], argv[0], "x", NULL);
      _exit(errno == EAGAIN ? 5 : 7);
    }
    int status;
    if (pid < 0 && errno != EAGAIN) printf("vfork: %s\n", errno_name(errno));
    if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 5 << 8)) printf("vfork: status %x\n", status);
    for (int i = 0; i < made; i++) {
      kill(pids[i], SIGKILL);
      if (waitpid(pids[i], &status, 0) != pids[i] || status != SIGKILL) printf("child: status %x\n", status);
    }
  }
  printf("done\n");
  return 0;
}
