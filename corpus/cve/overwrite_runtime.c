// Overwrites the program that runs it, through its own entry of procfs, for whoever starts it next.
// @technique T1554
// @weakness CWE-668
// @cve CVE-2019-5736
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: without a monitor there is no other program behind the entry
// @attempts 6
#include "../attack.h"

int main(void) {
  char again[64];
  ATTEMPT("open for writing", open("/proc/self/exe", O_WRONLY));
  ATTEMPT("open and truncate", open("/proc/self/exe", O_WRONLY | O_TRUNC));
  int reference = open("/proc/self/exe", O_PATH);
  CONTROL("a reference", reference);
  snprintf(again, sizeof again, "/proc/self/fd/%d", reference);
  ATTEMPT("through a reference", open(again, O_RDWR));
  ATTEMPT("truncate", truncate("/proc/self/exe", 0));
  int read_only = open("/proc/self/exe", O_RDONLY);
  ATTEMPT("map for writing", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, read_only, 0) == MAP_FAILED ? -1 : 0);
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/exe", getppid());
  ATTEMPT("its parent's", open(name, O_WRONLY));
  return 0;
}
