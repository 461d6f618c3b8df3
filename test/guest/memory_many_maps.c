// Shows: 2000 mappings with alternating protection keep bytes and rights while they come and go in a shuffled order.
#include "guest.h"

#define N 2000
static char* maps[N];
static unsigned seed = 1;
static unsigned next(void) { return seed = seed * 1103515245 + 12345, seed >> 8; }

int main(void) {
  trap_install();
  char* area = MUST((char*)mmap(NULL, N * 4 * 4096ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < N; i++) {
    maps[i] = area + i * 4 * 4096l;
    MUST(mprotect(maps[i], 4096 * (1 + i % 3), PROT_READ | PROT_WRITE));
    *(int*)maps[i] = i;
  }
  int order[N];
  for (int i = 0; i < N; i++) order[i] = i;
  for (int i = N - 1; i > 0; i--) {
    int j = (int)(next() % (unsigned)(i + 1)), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  int bad = 0;
  for (int i = 0; i < N; i++) bad += *(int*)maps[i] != i;
  printf("bad %d\n", bad);
  for (int i = 0; i < N / 2; i++) MUST(munmap(maps[order[i]], 4 * 4096));
  bad = 0;
  for (int i = N / 2; i < N; i++) bad += *(int*)maps[order[i]] != order[i];
  printf("bad %d\n", bad);
  int faults = 0;
  for (int i = 0; i < N / 2; i += 50) {
    trap_armed = 1;
    if (!sigsetjmp(trap_jump, 1)) {
      (void)*(volatile char*)maps[order[i]];
    } else if (trap_signal == SIGSEGV && trap_code == SEGV_MAPERR) {
      faults++;
    }
  }
  printf("faults %d\n", faults);
  for (int i = N / 2; i < N; i++) MUST(mprotect(maps[order[i]], 4096, i & 1 ? PROT_READ : PROT_NONE));
  volatile int readable = 0, denied = 0;
  for (int i = N / 2; i < N; i++) {
    trap_armed = 1;
    if (!sigsetjmp(trap_jump, 1)) {
      readable += *(volatile int*)maps[order[i]] == order[i];
    } else if (trap_code == SEGV_ACCERR) {
      denied++;
    }
  }
  printf("readable %d denied %d\n", readable, denied);
  for (int i = N / 2; i < N; i++) MUST(munmap(maps[order[i]], 4 * 4096));
  CHECK(mmap(area, N * 4 * 4096ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == area);
  return guest_failed();
}
