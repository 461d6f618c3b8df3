// Reads, writes and executes the gate's own pages: descriptor tables, stacks of ring 0, page tables, stubs.
// @technique T1611
// @weakness CWE-732
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: natively there is nothing at these addresses
// @attempts 4
#include "../attack.h"

static int tried(volatile char* p, int how) {
  attack_catch();
  if (sigsetjmp(attack_jump, 1)) return 0;
  if (how == 0) (void)*p;
  if (how == 1) *p = *p;
  return 1;
}

int main(void) {
  // Code is there as well: the way out, which may be read where a processor enters it in ring 3. Nothing may be written.
  int written = 0, read_behind = 0;
  for (uintptr_t page = SYSTEM_VA; page < SYSTEM_VA + (1UL << 24); page += 4096) {
    written += tried((char*)page, 1);
    if (page == SYSTEM_VA + 0x1000 || page >= SYSTEM_VA + 0x200000) read_behind += tried((char*)page, 0);
  }
  MUST_NOT("write", written, "SIGSEGV");
  MUST_NOT("read tables", read_behind, "SIGSEGV");
  MUST_FAULT("write far behind", *(volatile char*)(SYSTEM_VA + (1UL << 30)) = 1);
  // A thread that asks for its id again and again has answers in pages of its own there, behind that of its calls.
  for (int i = 0; i < 64; i++) syscall(SYS_getpid);
  for (uintptr_t page = SYSTEM_VA + (1UL << 30) + 0x1000; page < SYSTEM_VA + (1UL << 30) + 0x10000; page += 4096)
    written += tried((char*)page, 1);
  MUST_NOT("write answers", written, "SIGSEGV");
  return 0;
}
