// Makes mappings without end, each apart from the last, so that the lists of the monitor and the kernel grow.
// @technique T1499.001
// @weakness CWE-770
// @stopped-by kernel
// @options {"policy":"compat"}
// @control none: the limit on the number of mappings is every process's own
// @attempts 1
// @timeout 60
#include "../attack.h"

int main(void) {
  long made = 0;
  char* room = mmap(NULL, 1UL << 33, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CONTROL("room", room == MAP_FAILED ? -1 : 0);
  for (; made < 200000; made++)
    if (mprotect(room + made * 8192, 4096, PROT_READ) < 0) break;
  MUST_NOT("200,000 mappings", made == 200000, error_name());
  CONTROL("some", made > 10000 ? 0 : -1);
  CONTROL("and back", munmap(room, 1UL << 33));
  return 0;
}
