// Shows: anonymous mappings are zeroed and readable; the errors of mmap and munmap.
#include "guest.h"

int main(void) {
  size_t length = 8 * 4096;
  unsigned char* p = OK((unsigned char*)mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  unsigned sum = 0;
  for (size_t i = 0; i < length; i++) sum |= p[i];
  CHECK(sum == 0);
  memset(p, 0x5a, length);
  CHECK(p[0] == 0x5a && p[length - 1] == 0x5a);
  CHECK(((uintptr_t)p & 4095) == 0);
  unsigned char* odd = mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  odd[4095] = 7;
  CHECK(odd[4095] == 7);
  SHOW(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 12345, 0));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 123));
  SHOW(mmap(NULL, (size_t)-4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW(mmap(NULL, (size_t)-1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW(mmap((void*)0x10001, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW(mmap((void*)0xffff800000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  SHOW(mmap((void*)0x7ffffffff000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  int file = MUST(open("/proc/self/exe", O_RDONLY));
  unsigned char* image = OK((unsigned char*)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0));
  CHECK(memcmp(image, "\177ELF", 4) == 0);
  SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  int write_only = MUST(open("/dev/null", O_WRONLY));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, write_only, 0));
  SHOW(munmap(p + 1, 4096));
  SHOW(munmap(p, 0));
  SHOW(munmap((void*)0xffff800000000000, 4096));
  SHOW(munmap(p, length));
  SHOW(munmap(p, length));
  return guest_failed();
}
