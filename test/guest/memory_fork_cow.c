// Shows: 16 MiB of patterned memory is copied on write by fork: neither side sees the other's changes.
#include "guest.h"

#define PAGES 4096
static int wrong(unsigned* p, unsigned salt) {
  int bad = 0;
  for (unsigned i = 0; i < PAGES; i++)
    if (p[i * 1024] != (i ^ salt) || p[i * 1024 + 1023] != (i + salt)) bad++;
  return bad;
}
static void fill(unsigned* p, unsigned salt) {
  for (unsigned i = 0; i < PAGES; i++) {
    p[i * 1024] = i ^ salt;
    p[i * 1024 + 1023] = i + salt;
  }
}

int main(void) {
  unsigned* p = MUST((unsigned*)mmap(NULL, PAGES * 4096ul, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  fill(p, 0x1234);
  int to_child[2], to_parent[2];
  MUST(pipe(to_child));
  MUST(pipe(to_parent));
  pid_t child = MUST(fork());
  char c = 0;
  if (!child) {
    MUST(read(to_child[0], &c, 1));
    printf("child sees the old bytes: %d wrong\n", wrong(p, 0x1234));
    fill(p, 0x777);
    MUST(write(to_parent[1], &c, 1));
    MUST(read(to_child[0], &c, 1));
    printf("child keeps its own: %d wrong\n", wrong(p, 0x777));
    _exit(0);
  }
  fill(p, 0x9999);
  MUST(write(to_child[1], &c, 1));
  MUST(read(to_parent[0], &c, 1));
  printf("parent keeps its own: %d wrong\n", wrong(p, 0x9999));
  MUST(write(to_child[1], &c, 1));
  reap("child", child);
  // Grandchildren, each a generation deeper.
  for (int generation = 0; generation < 4; generation++) {
    child = MUST(fork());
    if (child) {
      reap("generation", child);
      _exit(generation);
    }
    printf("generation %d: %d wrong\n", generation, wrong(p, 0x9999 + (unsigned)generation));
    fill(p, 0x9999 + (unsigned)generation + 1);
  }
  return 4;
}
