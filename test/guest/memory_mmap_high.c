// Shows: fixed places that sanitizers and runtimes use, up to 0x640000000000, can be had, and the program's own memory is not there.
#include "guest.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define RESERVE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE)

static const struct {
  const char* user;
  uintptr_t start, end;
} places[] = {
    {"AddressSanitizer's shadow", 0x02008fff7000, 0x10007fff8000},
    {"AddressSanitizer's heap", 0x600000000000, 0x640000000000},
    {"the race detector's shadow", 0x200000000000, 0x21c000000000},
    {"the race detector's descriptions", 0x300000000000, 0x320000000000},
    {"MemorySanitizer's origins", 0x110000000000, 0x200000000000},
};

int main(void) {
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    const size_t size = places[i].end - places[i].start;
    char* at = mmap((void*)places[i].start, size, PROT_READ | PROT_WRITE, RESERVE, -1, 0);
    printf("%s: %s\n", places[i].user, at == (char*)places[i].start ? "reserved" : strerror(errno));
    if (at == MAP_FAILED) continue;
    at[0] = 1;
    at[size / 2] = 2;
    at[size - 1] = 3;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) _exit(at[0] == 1 && at[size / 2] == 2 && at[size - 1] == 3 ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(at[4096] == 0);
    MUST(munmap(at, size));
  }
  return guest_failed();
}
