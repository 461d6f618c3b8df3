#include "supervisor/family.h"

namespace barchan::supervisor {

// "PID (command) S PPID ...", where the command may hold any byte, so also ") R 1 (": the last
// parenthesis is the kernel's.
i64 parent_of(const char* stat, size_t size) {
  size_t at = size;
  while (at > 0 && stat[at - 1] != ')') at--;
  if (at == 0 || size - at < 4 || stat[at] != ' ' || stat[at + 2] != ' ') return -1;
  i64 parent = 0;
  bool digits = false;
  for (at += 3; at < size && stat[at] >= '0' && stat[at] <= '9'; at++) {
    parent = parent * 10 + (stat[at] - '0');
    digits = true;
    if (parent > 0x7fffffff) return -1;
  }
  return digits ? parent : -1;
}

}  // namespace barchan::supervisor
