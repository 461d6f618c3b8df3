// Shows: mprotect takes effect at once, and faults carry the right si_code and address.
// run: both
#include "guest.h"

static const char constant[4096] = "constant";

int main(void) {
  trap_install();
  char* p = MUST((char*)mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(p, 0xc3, 8 * 4096);  // ret
  volatile char* v = p;
  TRAP("rw read", p, (void)v[1]);
  TRAP("rw write", p, v[1] = 1);
  SHOW(mprotect(p, 4096, PROT_READ));
  TRAP("r read", p, (void)v[2]);
  TRAP("r write", p, v[2] = 1);
  SHOW(mprotect(p, 4096, PROT_NONE));
  TRAP("none read", p, (void)v[3]);
  TRAP("none write", p, v[3] = 1);
  TRAP("neighbour write", p, v[4096] = 1);
  SHOW(mprotect(p, 4096, PROT_READ | PROT_WRITE));
  TRAP("rw again", p, v[4] = 1);
  CHECK(v[5] == (char)0xc3);
  TRAP("exec of rw", p, ((void (*)(void))(p + 4096 * 2))());
  SHOW(mprotect(p + 4096 * 2, 4096, PROT_READ | PROT_EXEC));
  TRAP("exec of rx", p, ((void (*)(void))(p + 4096 * 2))());
  TRAP("write of rx", p, v[4096 * 2] = 1);
  SHOW(mprotect(p + 4096 * 2, 4096, PROT_READ));
  TRAP("exec of r", p, ((void (*)(void))(p + 4096 * 2))());
  // Across several pages, partly.
  SHOW(mprotect(p + 4096 * 3, 3 * 4096, PROT_READ));
  for (int i = 2; i < 8; i++) {
    char name[32];
    snprintf(name, sizeof name, "page %d write", i);
    TRAP(name, p, v[4096 * i + 9] = 1);
  }
  SHOW(mprotect(p + 1, 4096, PROT_READ));
  SHOW(mprotect(p, 0, PROT_READ));
  SHOW(mprotect(p, 4096, 0x40));
  SHOW(mprotect((void*)0x150000000000, 4096, PROT_READ));
  SHOW(mprotect((void*)0xffff800000000000, 4096, PROT_READ));
  TRAP("null read", 0, (void)*(volatile char*)NULL);
  TRAP("null write", 0, *(volatile char*)16 = 1);
  TRAP("constant write", constant, *(volatile char*)(constant + 100) = 1);
  TRAP("text write", main, *(volatile char*)main = 1);
  char code[16] = {(char)0xc3};
  TRAP("stack exec", code, ((void (*)(void))code)());
  return guest_failed();
}
