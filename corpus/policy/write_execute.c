// Makes code at run time although no page may ever be both written and executed: five ways to get such a page.
// @technique T1055
// @weakness CWE-119
// @stopped-by policy
// @options {"policy":{"profile":"compat","writeXorExecute":true},"isolation":"none"}
// @control {"policy":"compat","isolation":"none"}
// @control-done mapped both,protected later,two views of one memory,shared memory
// @attempts 6
#include <sys/ipc.h>
#include <sys/personality.h>
#include <sys/shm.h>

#include "../attack.h"

static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // return 42
static int call(void* p) { return ((int (*)(void))p)() == 42; }

int main(void) {
  char* p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ATTEMPT("mapped both", p == MAP_FAILED ? -1 : (memcpy(p, code, sizeof code), call(p)));
  p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(p, code, sizeof code);
  ATTEMPT("protected later", mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? -1 : call(p));
  ATTEMPT("protected as data of a program", mprotect((void*)((uintptr_t)&attack_info & ~4095UL), 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
  int fd = memfd_create("code", 0);
  ftruncate(fd, 4096);
  char* view = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char* other = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  if (view != MAP_FAILED) memcpy(view, code, sizeof code);
  ATTEMPT("two views of one memory", view == MAP_FAILED || other == MAP_FAILED ? -1 : call(other));
  if (view != MAP_FAILED) munmap(view, 4096);
  int id = shmget(IPC_PRIVATE, 4096, 0700);
  view = shmat(id, NULL, 0);
  other = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);
  if (view != (void*)-1) memcpy(view, code, sizeof code);
  ATTEMPT("shared memory", view == (void*)-1 || other == (void*)-1 ? -1 : call(other));
  shmctl(id, IPC_RMID, NULL);
  // Everything that is readable would be executable.
  long before = personality(0xffffffff);
  long set = personality(before | READ_IMPLIES_EXEC);
  p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (set >= 0 && p != MAP_FAILED) {
    memcpy(p, code, sizeof code);
    MUST_FAULT("personality", call(p));
  } else {
    say_stopped("personality", error_name());
  }
  return 0;
}
