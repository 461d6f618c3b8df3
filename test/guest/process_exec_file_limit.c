// Shows: exec when the process may not write to any file (RLIMIT_FSIZE 0).
#include <sys/resource.h>

#include "guest.h"

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("reached by exec %s\n", argv[1]);
    if (argv[1][0] == '1') return 4;
    execl("/proc/self/exe", "process_exec_file_limit", "1", NULL);
    return 9;
  }
  int out[2];
  MUST(pipe(out));
  pid_t child = MUST(fork());
  if (!child) {
    dup2(out[1], 1);
    close(out[0]);
    struct rlimit none = {0, 0};
    MUST(setrlimit(RLIMIT_FSIZE, &none));
    execl("/proc/self/exe", "process_exec_file_limit", "2", NULL);
    _exit(8);
  }
  close(out[1]);
  char text[100];
  long n;
  while ((n = read(out[0], text, sizeof text)) > 0) fwrite(text, 1, (size_t)n, stdout);
  reap("child", child);
  return 0;
}
