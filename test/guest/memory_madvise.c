// Shows: MADV_DONTNEED zeroes anonymous memory and re-reads files; the results of the other advice.
#include "guest.h"

#define P 4096
int main(void) {
  char* p = MUST((char*)mmap(NULL, 64 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(p, 5, 64 * P);
  SHOW(madvise(p + 4 * P, 8 * P, MADV_DONTNEED));
  printf("%d %d %d %d\n", p[4 * P - 1], p[4 * P], p[12 * P - 1], p[12 * P]);
  memset(p + 4 * P, 6, P);
  CHECK(p[4 * P] == 6 && p[5 * P] == 0);
  for (int round = 0; round < 50; round++) {
    memset(p, round + 1, 16 * P);
    MUST(madvise(p, 16 * P, MADV_DONTNEED));
    for (int i = 0; i < 16; i++)
      if (p[i * P]) printf("round %d page %d not zero\n", round, i);
  }
  scratch();
  int file = MUST(open("file", O_RDWR | O_CREAT, 0600));
  char block[P];
  memset(block, 'f', P);
  for (int i = 0; i < 4; i++) MUST(write(file, block, P));
  char* private = MUST((char*)mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
  private[0] = 'x';
  private[P] = 'y';
  SHOW(madvise(private, P, MADV_DONTNEED));
  printf("%c %c\n", private[0], private[P]);
  char* shared = MUST((char*)mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  shared[2 * P] = 'z';
  SHOW(madvise(shared, 4 * P, MADV_DONTNEED));
  printf("%c %c\n", shared[2 * P], private[2 * P]);
  SHOW(madvise(p, P, MADV_WILLNEED));
  SHOW(madvise(p, P, MADV_RANDOM));
  SHOW(madvise(p, P, MADV_SEQUENTIAL));
  SHOW(madvise(p, P, MADV_NORMAL));
  SHOW(madvise(p, P, MADV_FREE));
  p[0] = 1;
  CHECK(p[0] == 1);
  SHOW(madvise(p, P, MADV_DONTFORK));
  SHOW(madvise(p, P, MADV_DOFORK));
  SHOW(madvise(p, P, MADV_DONTDUMP));
  SHOW(madvise(p + 1, P, MADV_DONTNEED));
  SHOW(madvise(p, P, 12345));
  SHOW(madvise(p, 0, MADV_DONTNEED));
  MUST(munmap(p + 3 * P, P));
  memset(p, 9, 2 * P);
  memset(p + 4 * P, 9, P);
  SHOW(madvise(p, 6 * P, MADV_DONTNEED));
  printf("%d %d\n", p[0], p[4 * P]);
  // What only may be written or executed cannot be populated for reading.
  int protections[] = {PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE, PROT_EXEC, PROT_NONE};
  for (size_t i = 0; i < sizeof protections / sizeof *protections; i++) {
    char* some = MUST((char*)mmap(NULL, 4 * P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    MUST(mprotect(some + P, P, protections[i]));
    unsigned char in_core[4] = {0};
    printf("populating protection %d\n", protections[i]);
    SHOW(madvise(some, 4 * P, MADV_POPULATE_READ));
    SHOW(madvise(some + P, P, MADV_POPULATE_READ));
    MUST(mincore(some, 4 * P, in_core));
    printf("in core %d %d %d\n", in_core[0] & 1, in_core[1] & 1, in_core[3] & 1);
    SHOW(madvise(some + 2 * P, 2 * P, MADV_POPULATE_WRITE));
    MUST(munmap(some + 2 * P, P));
    SHOW(madvise(some, 4 * P, MADV_POPULATE_READ));
    MUST(munmap(some, 4 * P));
  }
  // fork: MADV_WIPEONFORK, MADV_DONTFORK.
  p[10 * P] = 8;
  SHOW(madvise(p + 10 * P, P, MADV_WIPEONFORK));
  p[20 * P] = 8;
  SHOW(madvise(p + 20 * P, P, MADV_DONTFORK));
  pid_t child = MUST(fork());
  if (!child) {
    trap_install();
    printf("wiped %d\n", p[10 * P]);
    TRAP("not forked", p, (void)*(volatile char*)(p + 20 * P));
    _exit(0);
  }
  reap("child", child);
  CHECK(p[10 * P] == 8 && p[20 * P] == 8);
  return guest_failed();
}
