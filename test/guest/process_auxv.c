// Shows: the auxiliary vector: what must be in it, and that each value is true of this program.
// run: both
#include <cpuid.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "guest.h"

extern char** environ;
extern const char _start[];

int main(int argc UNUSED, char** argv UNUSED) {
  char** end = environ;
  while (*end) end++;
  Elf64_auxv_t* entry = (Elf64_auxv_t*)(end + 1);
  int seen[64] = {0};
  for (; entry->a_type != AT_NULL; entry++)
    if (entry->a_type < 64) seen[entry->a_type]++;
  int wanted[] = {AT_SYSINFO_EHDR, AT_HWCAP, AT_PAGESZ, AT_CLKTCK, AT_PHDR, AT_PHENT, AT_PHNUM, AT_BASE, AT_FLAGS, AT_ENTRY,
                  AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_RANDOM, AT_HWCAP2, AT_EXECFN, AT_PLATFORM};
  for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) printf("type %d: %d\n", wanted[i], seen[wanted[i]]);
  CHECK(getauxval(AT_PAGESZ) == 4096);
  CHECK(getauxval(AT_CLKTCK) == 100);
  CHECK(getauxval(AT_PHENT) == sizeof(Elf64_Phdr));
  CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
  CHECK(getauxval(AT_SECURE) == 0 && getauxval(AT_FLAGS) == 0);
  CHECK((const char*)getauxval(AT_ENTRY) == _start);
  const Elf64_Phdr* headers = (const Elf64_Phdr*)getauxval(AT_PHDR);
  unsigned long count = getauxval(AT_PHNUM), loads = 0;
  for (unsigned long i = 0; i < count; i++) loads += headers[i].p_type == PT_LOAD;
  printf("loads %lu interp %d\n", loads, getauxval(AT_BASE) != 0);
  printf("platform %s\n", (char*)getauxval(AT_PLATFORM));
  const char* name = strrchr((char*)getauxval(AT_EXECFN), '/');
  CHECK(name && !strncmp(name, "/process_auxv", 13));
  const unsigned char* random = (const unsigned char*)getauxval(AT_RANDOM);
  int nonzero = 0;
  for (int i = 0; i < 16; i++) nonzero += random[i] != 0;
  CHECK(nonzero > 4);
  unsigned a, b, c, d = 0;
  __get_cpuid(1, &a, &b, &c, &d);
  unsigned sure = 1 | 1 << 4 | 1 << 8 | 1 << 15 | 7 << 24;  // FPU, TSC, CX8, CMOV, FXSR, SSE, SSE2
  CHECK((getauxval(AT_HWCAP) & sure) == sure && (d & sure) == sure);
  printf("hwcap2 fsgsbase %lu\n", getauxval(AT_HWCAP2) >> 1 & 1);
  const Elf64_Ehdr* vdso = (const Elf64_Ehdr*)getauxval(AT_SYSINFO_EHDR);
  CHECK(vdso && !memcmp(vdso->e_ident, ELFMAG, 4) && vdso->e_type == ET_DYN);
  CHECK(((uintptr_t)vdso & 4095) == 0);
  CHECK((uintptr_t)environ % 8 == 0);
  unsigned long stack = (unsigned long)__builtin_frame_address(0);
  CHECK(stack < (unsigned long)environ);
  int fd = open("/proc/self/auxv", O_RDONLY);
  Elf64_auxv_t table[64];
  long n = read(fd, table, sizeof table);
  CHECK(n > 0 && !memcmp(table, end + 1, (size_t)n < 256 ? (size_t)n : 256));
  return guest_failed();
}
