// Shows: mseal (Linux 6.10): what it refuses, and what a sealed mapping refuses; on an older kernel it is ENOSYS here and there.
// run: both ; timeout 60s
#include "guest.h"

#define PAGE 4096ul
#define MSEAL(...) SHOW(syscall(462, __VA_ARGS__))

static char* pages(unsigned n, int prot) {
  return MUST(mmap(NULL, n * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void arguments(void) {
  char* p = pages(4, PROT_READ);
  MSEAL(p, PAGE, 1);
  MSEAL(p + 1, PAGE, 0);
  MSEAL(p, 0, 0);
  MSEAL(p, 0, 8);
  MSEAL(p, -1ul, 0);
  MSEAL(p, -PAGE, 0);
  MSEAL(NULL, PAGE, 0);
  MSEAL(NULL, 0, 0);
  MSEAL(-PAGE, PAGE, 0);
  MSEAL(0x7ffffffff000, PAGE, 0);
  munmap(p + PAGE, PAGE);
  MSEAL(p, 4 * PAGE, 0);
  SHOW(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
  MSEAL(p + 2 * PAGE, PAGE + 1, 0);
  SHOW(mprotect(p + 3 * PAGE, PAGE, PROT_NONE));
  SHOW(munmap(p, PAGE));
}

static void changes(int prot) {
  printf("-- protection %d\n", prot);
  char* p = pages(6, prot);
  if (prot & PROT_WRITE) memset(p, 7, 6 * PAGE);
  MSEAL(p + PAGE, 2 * PAGE, 0);
  MSEAL(p + PAGE, 2 * PAGE, 0);
  SHOW(mprotect(p + PAGE, PAGE, PROT_READ));
  SHOW(mprotect(p + PAGE, PAGE, prot));
  SHOW(mprotect(p, 6 * PAGE, PROT_NONE));
  SHOW(mprotect(p, PAGE, prot));
  SHOW(syscall(SYS_pkey_mprotect, p + PAGE, PAGE, PROT_READ, -1));
  SHOW(munmap(p + 2 * PAGE, PAGE));
  SHOW(munmap(p, 6 * PAGE));
  if (prot) SHOW(((volatile char*)p)[0]);
  SHOW((long)mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW((long)mmap(p, 6 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW((long)mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  SHOW((long)mremap(p + PAGE, PAGE, 3 * PAGE, MREMAP_MAYMOVE));
  SHOW((long)mremap(p + PAGE, 2 * PAGE, PAGE, 0));
  SHOW((long)mremap(p + PAGE, PAGE, PAGE, 0));
  SHOW((long)mremap(p + 4 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE));
  SHOW((long)mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
  SHOW(madvise(p + PAGE, PAGE, MADV_DONTNEED));
  SHOW(madvise(p, 6 * PAGE, MADV_DONTNEED));
  SHOW(madvise(p + PAGE, PAGE, MADV_FREE));
  SHOW(madvise(p + PAGE, PAGE, MADV_WILLNEED));
  SHOW(madvise(p + PAGE, PAGE, MADV_COLD));
  SHOW(madvise(p + PAGE, PAGE, MADV_DONTFORK));
  SHOW(madvise(p + PAGE, PAGE, MADV_WIPEONFORK));
  SHOW(mlock(p + PAGE, PAGE));
  SHOW(munlock(p + PAGE, PAGE));
  SHOW(munmap(p + 3 * PAGE, 3 * PAGE));
  SHOW(munmap(p, PAGE));
  pid_t pid = MUST(fork());
  if (pid == 0) {
    SHOW(munmap(p + PAGE, PAGE));
    _exit(0);
  }
  reap("child", pid);
}

static void files(void) {
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(fd, 4 * PAGE));
  char* s = MUST(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0));
  char* r = MUST(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
  MSEAL(s, 2 * PAGE, 0);
  MSEAL(r, 2 * PAGE, 0);
  SHOW(madvise(s, PAGE, MADV_DONTNEED));
  SHOW(madvise(r, PAGE, MADV_DONTNEED));
  SHOW(syscall(SYS_remap_file_pages, s, PAGE, 0, 1, 0));
  SHOW(munmap(s, PAGE));
}

static void heap(void) {
  char* top = sbrk(0);
  char* page = (char*)(((unsigned long)top + 2 * PAGE) & ~(PAGE - 1));
  MUST(brk(page + 4 * PAGE));
  MSEAL(page, PAGE, 0);
  SHOW(syscall(SYS_brk, page) == (long)(page + 4 * PAGE));
  SHOW(syscall(SYS_brk, page + PAGE) == (long)(page + PAGE));
}

int main(void) {
  if (syscall(462, 0, 0, 0) != 0) {
    printf("mseal: %s\n", errno_name(errno));
    return 0;
  }
  arguments();
  changes(PROT_NONE);
  changes(PROT_READ);
  changes(PROT_READ | PROT_WRITE);
  files();
  heap();
  return 0;
}
