// Forks as fast as it can, in every process.
// @technique T1499.001
// @weakness CWE-400
// @stopped-by limit
// @options {"policy":"compat","rlimits":{"nproc":24},"user":{"uid":1000,"gid":1000,"hostUid":61234,"hostGid":61234}}
// @control {"policy":"compat","rlimits":{"nproc":400},"user":{"uid":1000,"gid":1000,"hostUid":61235,"hostGid":61235}}
// @attempts 1
#include "../attack.h"

int main(void) {
  int made = 0, pipes[2];
  CONTROL("pipe", pipe(pipes));
  // 60 children that wait: far more than the limit, far fewer than a machine holds.
  for (int i = 0; i < 60; i++) {
    pid_t child = fork();
    if (child < 0) break;
    if (child == 0) {
      char byte;
      close(pipes[1]);
      read(pipes[0], &byte, 1);
      _exit(0);
    }
    made++;
  }
  int error = errno;
  close(pipes[1]);
  while (waitpid(-1, NULL, 0) > 0) continue;
  errno = error;
  CONTROL("some children", made > 0 ? 0 : -1);
  MUST_NOT("60 processes", made == 60, error_name());
  return 0;
}
