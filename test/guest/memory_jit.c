// Shows: generated code runs after RW -> RX, is seen anew after each rewrite, and RWX pages can modify themselves.
#include "guest.h"

typedef int (*Function)(void);
static void emit(unsigned char* at, int value) {  // mov $value,%eax; ret
  at[0] = 0xb8;
  memcpy(at + 1, &value, 4);
  at[5] = 0xc3;
}

int main(void) {
  trap_install();
  unsigned char* p = MUST((unsigned char*)mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  long sum = 0;
  for (int i = 0; i < 200; i++) {
    emit(p + i * 8, i);
    MUST(mprotect(p, 4096, PROT_READ | PROT_EXEC));
    sum += ((Function)(p + i * 8))();
    MUST(mprotect(p, 4096, PROT_READ | PROT_WRITE));
  }
  printf("sum %ld\n", sum);
  TRAP("not executable now", p, ((Function)p)());
  sum = 0;
  for (int i = 0; i < 100; i++) {
    MUST(mprotect(p, 4096, PROT_READ | PROT_WRITE));
    emit(p, i * 3);
    MUST(mprotect(p, 4096, PROT_READ | PROT_EXEC));
    sum += ((Function)p)();
  }
  printf("rewritten %ld\n", sum);
  MUST(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
  sum = 0;
  for (int i = 0; i < 1000; i++) {
    emit(p + 4096, i);
    sum += ((Function)(p + 4096))();
  }
  printf("rwx %ld\n", sum);
  // Two views of one memfd, as code allocators with W^X have.
  int fd = MUST(memfd_create("code", 0));
  MUST(ftruncate(fd, 4096));
  unsigned char* writable = MUST((unsigned char*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  unsigned char* runnable = MUST((unsigned char*)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
  sum = 0;
  for (int i = 0; i < 100; i++) {
    emit(writable + 64, i + 7);
    sum += ((Function)(runnable + 64))();
  }
  printf("dual %ld\n", sum);
  TRAP("runnable is not writable", runnable, *(volatile unsigned char*)runnable = 1);
  pid_t child = MUST(fork());
  if (!child) _exit(((Function)(runnable + 64))());
  reap("code in a child", child);
  return guest_failed();
}
