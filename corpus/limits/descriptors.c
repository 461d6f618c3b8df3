// Opens descriptors without end, and raises its own limit on them.
// @technique T1499.001
// @weakness CWE-770
// @stopped-by limit
// @options {"policy":"compat","rlimits":{"nofile":64}}
// @control {"policy":"compat","rlimits":{"nofile":1024}}
// @control-done 200 descriptors,200 pipes
// @attempts 3
#include "../attack.h"

int main(void) {
  int made = 0, pipes[2];
  for (; made < 200 && dup(1) >= 0; made++) continue;
  MUST_NOT("200 descriptors", made == 200, error_name());
  for (int fd = 3; fd < 1024; fd++) close(fd);
  for (made = 0; made < 100 && pipe(pipes) == 0; made++) continue;
  MUST_NOT("200 pipes", made == 100, error_name());
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1000;
  ATTEMPT("a higher limit", setrlimit(RLIMIT_NOFILE, &limit));
  return 0;
}
