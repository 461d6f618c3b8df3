// Takes more memory than its limit on data lets it.
// @technique T1499.001
// @weakness CWE-770
// @stopped-by limit
// @options {"policy":"compat","rlimits":{"data":1073741824}}
// @control {"policy":"compat"}
// @attempts 2
#include "../attack.h"

int main(void) {
  ATTEMPT("4 GiB in one", mmap(NULL, 4UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  int made = 0;
  for (; made < 32; made++)
    if (mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) break;
  MUST_NOT("32 of 64 MiB", made == 32, error_name());
  return 0;
}
