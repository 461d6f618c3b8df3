// Shows: 200 sequential and 50 parallel fork+exec, each child with the right argument and status.
// run: both ; timeout 120s
#include "guest.h"

static pid_t launch(int number) {
  pid_t pid = MUST(fork());
  if (!pid) {
    char text[20];
    snprintf(text, sizeof text, "%d", number);
    execl("/proc/self/exe", "child", text, NULL);
    _exit(255);
  }
  return pid;
}

int main(int argc, char** argv) {
  if (argc > 1) return atoi(argv[1]) % 251;
  int good = 0;
  for (int i = 0; i < 200; i++) {
    int status;
    pid_t pid = launch(i);
    MUST(waitpid(pid, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == i % 251) good++;
    else show_status("sequential", status);
  }
  printf("sequential %d\n", good);
  pid_t pids[50];
  for (int i = 0; i < 50; i++) pids[i] = launch(i + 1000);
  good = 0;
  for (int n = 0; n < 50; n++) {
    int status, i;
    pid_t pid = MUST(wait(&status));
    for (i = 0; i < 50 && pids[i] != pid; i++) {
    }
    if (i < 50 && WIFEXITED(status) && WEXITSTATUS(status) == (i + 1000) % 251) good++;
    else show_status("parallel", status);
  }
  printf("parallel %d\n", good);
  return good == 50 ? 0 : 1;
}
