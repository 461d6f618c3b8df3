// Reads, writes and executes the monitor's memory by instructions, at the addresses that the host kernel knows it by.
// @technique T1611
// @weakness CWE-787
// @stopped-by ept
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done read
// @attempts 4
// @reads maps
#include "../attack.h"

static int tried(volatile char* p, int how) {
  attack_catch();
  if (sigsetjmp(attack_jump, 1)) return 0;
  if (how == 0) (void)*p;
  if (how == 1) *p = 1;
  if (how == 2) ((void (*)(void))p)();
  if (how == 3) __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
  return 1;
}

int main(void) {
  static Mapping mappings[512];
  int count = read_mappings(mappings, 512);
  int reached[4] = {0}, found = 0;
  for (int i = 0; i < count; i++) {
    // The vsyscall page is everybody's, and none of the monitor's.
    if (mappings[i].start < ARENA_END || !strcmp(mappings[i].name, "[vsyscall]")) continue;
    found++;
    // Natively only reads: the rest would be this program's own stack.
    for (int how = 0; how < (getenv("ATTACK_NATIVE") ? 1 : 4); how++)
      for (uintptr_t page = mappings[i].start; page < mappings[i].end && page < mappings[i].start + (64 << 12); page += 4096)
        reached[how] |= tried((char*)page, how);
  }
  CONTROL("mappings above the arena", found > 0 ? 0 : (errno = ENODATA, -1));
  static const char* names[] = {"read", "write", "execute", "atomic"};
  for (int i = 0; i < 4; i++) MUST_NOT(names[i], reached[i], "SIGSEGV");
  return 0;
}
