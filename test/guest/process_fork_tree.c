// Shows: a binary tree of processes five levels deep adds up its exit statuses.
#include "guest.h"

static int grow(int depth) {
  if (depth == 0) return 1;
  int sum = 0;
  pid_t pids[2];
  for (int i = 0; i < 2; i++) {
    pids[i] = fork();
    if (pids[i] < 0) _exit(200);
    if (!pids[i]) _exit(grow(depth - 1));
  }
  for (int i = 0; i < 2; i++) {
    int status;
    if (waitpid(pids[i], &status, 0) != pids[i] || !WIFEXITED(status)) _exit(201);
    sum += WEXITSTATUS(status);
  }
  return sum;
}

int main(void) {
  printf("leaves %d\n", grow(5));
  return 0;
}
