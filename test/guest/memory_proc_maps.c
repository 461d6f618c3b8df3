// Shows: /proc/self/maps lists the program's own mappings with their rights, and nothing of the monitor.
// run: both
#include "guest.h"

static int find(const void* address, char* rights, char* name) {
  FILE* file = fopen("/proc/self/maps", "r");
  char line[512];
  int found = 0;
  while (file && fgets(line, sizeof line, file)) {
    unsigned long from, to, offset;
    char r[8], device[16], path[256] = "";
    long inode;
    if (sscanf(line, "%lx-%lx %7s %lx %15s %ld %255s", &from, &to, r, &offset, device, &inode, path) < 6) {
      printf("odd line: %s", line);
    }
    if (strstr(line, "barchan-monitor") || strstr(line, "memfd:barchan")) printf("monitor shown: %s", line);
    if ((unsigned long)address >= from && (unsigned long)address < to) {
      found = 1;
      strcpy(rights, r);
      strcpy(name, path);
    }
  }
  if (file) fclose(file);
  return found;
}
static void look(const char* what, const void* address) {
  char rights[8] = "", name[256] = "";
  int found = find(address, rights, name);
  char* base = strrchr(name, '/');
  printf("%s: %d %s %s\n", what, found, rights, strstr(name, "memory_proc_maps") ? "program" : base ? base : name);
}

int main(void) {
  char exe[PATH_MAX] = "";
  MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
  CHECK(strstr(exe, "memory_proc_maps"));
  look("main", (void*)main);
  look("data", &guest_failures);
  int local;
  look("stack", &local);
  char* old_break = sbrk(4096 * 4);
  look("heap", old_break + 4096);
  char* p = MUST((char*)mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(mprotect(p + 4096, 4096, PROT_READ));
  MUST(mprotect(p + 8192, 4096, PROT_NONE));
  MUST(mprotect(p + 3 * 4096, 4096, PROT_READ | PROT_EXEC));
  for (int i = 0; i < 5; i++) look("page", p + i * 4096);
  MUST(munmap(p, 16 * 4096));
  look("unmapped", p);
  char* shared = MUST((char*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  look("shared", shared);
  look("kernel gate", (void*)0x7e0000000000);
  return guest_failed();
}
