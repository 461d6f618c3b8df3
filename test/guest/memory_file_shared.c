// Shows: shared file mappings and the file are one; private ones keep their changes; msync and its errors.
#include "guest.h"

#define P 4096
int main(void) {
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(fd, 8 * P));
  char* a = MUST((char*)mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  char* b = MUST((char*)mmap(NULL, 4 * P, PROT_READ, MAP_SHARED, fd, 4 * P));
  char* c = MUST((char*)mmap(NULL, 8 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  strcpy(a + 4 * P + 10, "through a");
  puts(b + 10);
  puts(c + 4 * P + 10);
  char text[32] = "";
  SHOW(pread(fd, text, 10, 4 * P + 10));
  puts(text);
  SHOW(pwrite(fd, "by pwrite", 10, 6 * P));
  puts(a + 6 * P);
  puts(b + 2 * P);
  strcpy(c, "private");
  CHECK(a[0] == 0);
  SHOW(pread(fd, text, 8, 0));
  CHECK(text[0] == 0);
  SHOW(msync(a, 8 * P, MS_SYNC));
  SHOW(msync(a, 8 * P, MS_ASYNC));
  SHOW(msync(a + 1, P, MS_SYNC));
  SHOW(msync(a, P, MS_SYNC | MS_ASYNC));
  SHOW(msync((void*)0x150000000000, P, MS_SYNC));
  pid_t child = MUST(fork());
  if (!child) {
    strcpy(a + P, "from the child");
    strcpy(c + P, "private to the child");
    _exit(0);
  }
  reap("child", child);
  puts(a + P);
  CHECK(strcmp(c + P, "private to the child") != 0);
  int ro = MUST(open("file", O_RDONLY));
  SHOW(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0));
  char* view = MUST((char*)mmap(NULL, P, PROT_READ, MAP_SHARED, ro, 0));
  SHOW(mprotect(view, P, PROT_READ | PROT_WRITE));
  char* copy = MUST((char*)mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, P));
  puts(copy);
  SHOW(munmap(a, 8 * P));
  SHOW(close(fd));
  puts(b + 10);
  int again = MUST(open("file", O_RDONLY));
  SHOW(pread(again, text, 15, P));
  puts(text);
  SHOW(mmap(NULL, P, PROT_READ, MAP_SHARED, again, 1));
  return guest_failed();
}
