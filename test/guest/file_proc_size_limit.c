// Shows: files of procfs can be read by a process that may not write to files at all (RLIMIT_FSIZE 0).
// run: both
#include "guest.h"
#include <sys/resource.h>

static int too_large;
static void handler(int signo UNUSED) { too_large++; }

static void read_whole(const char* path, const char* must_have) {
  int fd = OK(open(path, O_RDONLY));
  if (fd < 0) return;
  static char text[1 << 20];
  size_t size = 0;
  ssize_t n;
  while ((n = read(fd, text + size, sizeof text - 1 - size)) > 0) size += (size_t)n;
  SHOW(n);
  text[size] = 0;
  printf("%s: %s there\n", must_have, strstr(text, must_have) ? "is" : "is not");
  close(fd);
}

int main(void) {
  signal(SIGXFSZ, handler);
  struct rlimit none = {0, 0};
  MUST(setrlimit(RLIMIT_FSIZE, &none));
  read_whole("/proc/self/status", "Threads:\t1\n");
  read_whole("/proc/self/maps", "[stack]");
  read_whole("/proc/self/smaps", "[stack]");
  read_whole("/proc/self/limits", "Max file size             0                    0                    bytes");
  read_whole("/proc/self/stat", "file_proc_size_");
  SHOW(too_large);
  int fd = memfd_create("file", 0);
  SHOW(write(fd, "x", 1));
  SHOW(too_large);
  return guest_failed();
}
