// Shows: remap_file_pages over shared mappings of files, and what it refuses.
// run: both ; timeout 60s
#include "guest.h"

#define PAGE 4096ul
#define REMAP(...) SHOW(syscall(SYS_remap_file_pages, __VA_ARGS__))

int main(void) {
  scratch();
  trap_install();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  for (int i = 0; i < 8; i++) {
    char page[PAGE];
    memset(page, '0' + i, PAGE);
    MUST(write(fd, page, PAGE));
  }
  char* p = MUST(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  char* own = MUST(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
#define ALL() for (int i = 0; i < 8; i++) putchar(p[i * PAGE]); putchar('\n')
  ALL();
  REMAP(p, PAGE, 0, 7, 0);
  REMAP(p + 7 * PAGE, PAGE, 0, 0, 0);
  ALL();
  REMAP(p + 2 * PAGE, 2 * PAGE, 0, 4, MAP_NONBLOCK);
  ALL();
  p[0] = 'x';
  char back;
  SHOW(pread(fd, &back, 1, 7 * PAGE));
  printf("%c\n", back);
  REMAP(p + 100, PAGE + 100, 0, 3, 0);
  ALL();
  REMAP(p, PAGE, PROT_READ, 1, 0);
  REMAP(p, 0, 0, 1, 0);
  REMAP(p, 16 * PAGE, 0, 1, 0);
  REMAP(p, PAGE, 0, -1ul, 0);
  REMAP(own, PAGE, 0, 1, 0);
  REMAP(NULL, PAGE, 0, 1, 0);
  REMAP(-PAGE, PAGE, 0, 1, 0);
  REMAP(-PAGE, 2 * PAGE, 0, 1, 0);
  REMAP(p + 4 * PAGE, PAGE, 0, 100, 0);
  TRAP("past the end", p, p[4 * PAGE] = 1);
  REMAP(p + 4 * PAGE, PAGE, 0, 1, 0);
  SHOW(p[4 * PAGE]);
  SHOW(mprotect(p, 8 * PAGE, PROT_READ));
  REMAP(p, PAGE, 0, 2, 0);
  ALL();
  TRAP("read-only", p, p[0] = 1);
  char* shared = MUST(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  shared[3 * PAGE] = 9;
  REMAP(shared, PAGE, 0, 3, 0);
  SHOW(shared[0]);
  return 0;
}
