// Shows: of the descriptors 0..20000 and beyond, only the expected ones exist, by every way to look and to touch.
// run: static ; timeout 120s
#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

#include "guest.h"

static void list(const char* what) {
  static int calls;
  int last = calls++ ? 1100 : 20000;  // all of them once
  printf("%s:", what);
  for (int i = 0; i <= last; i++)
    if (fcntl(i, F_GETFD) >= 0) printf(" %d", i);
  puts("");
}
static void list_proc(const char* path) {
  int found[64], count = 0;
  DIR* dir = opendir(path);
  struct dirent* entry;
  while (dir && (entry = readdir(dir)) && count < 64)
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir)) found[count++] = atoi(entry->d_name);
  closedir(dir);
  printf("proc:");
  for (int want = 0; want <= 2000000 && count; want++)
    for (int i = 0; i < count; i++)
      if (found[i] == want) printf(" %d", want);
  printf(" (%d)\n", count);
}

int main(void) {
  // Descriptors that the test's own parent left open are not our business.
  for (int i = 3; i < 256; i++) close(i);
  list("at start");
  list_proc("/proc/self/fd");
  list_proc("/proc/thread-self/fd");
  list_proc("/proc/self/fdinfo");
  int fd = MUST(open("/dev/null", O_RDWR));
  printf("lowest %d\n", fd);
  list("with one");
  // Any number above: reads, writes, dups, polls, closes, maps, ioctls find nothing.
  long errors[10] = {0};
  int probes = 0;
  char c;
  for (int i = 100; i < 1100000; i += i < 300 ? 1 : i < 70000 ? 61 : 65537) {
    probes++;
    errors[0] += read(i, &c, 0) == -1 && errno == EBADF;
    errors[1] += write(i, &c, 0) == -1 && errno == EBADF;
    errors[2] += dup(i) == -1 && errno == EBADF;
    errors[3] += dup2(i, 50) == -1 && errno == EBADF;
    errors[4] += lseek(i, 0, SEEK_CUR) == -1 && errno == EBADF;
    errors[5] += close(i) == -1 && errno == EBADF;
    errors[6] += mmap(NULL, 4096, PROT_READ, MAP_SHARED, i, 0) == MAP_FAILED && errno == EBADF;
    struct stat st;
    errors[7] += fstat(i, &st) == -1 && errno == EBADF;
    errors[8] += openat(i, "x", O_RDONLY) == -1 && errno == EBADF;
    struct pollfd poller = {i, POLLIN, 0};
    errors[9] += poll(&poller, 1, 0) == 1 && poller.revents == POLLNVAL;
  }
  for (int i = 0; i < 10; i++) printf("probe %d: %s\n", i, errors[i] == probes ? "none" : "SOME");
  char path[64];
  struct stat st;
  int seen = 0;
  for (int i = 100; i < 21000; i += i < 1100 ? 1 : 53) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", i);
    if (lstat(path, &st) == 0 || open(path, O_RDONLY) >= 0) seen++;
  }
  printf("by path %d\n", seen);
  list("afterwards");
  SHOW(syscall(SYS_close_range, 3, ~0u, 0));
  list("after close_range");
  pid_t child = MUST(fork());
  if (!child) {
    list("child");
    _exit(0);
  }
  reap("child", child);
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur > 20000) puts("limit above the probes");
  SHOW(dup2(1, (int)limit.rlim_cur));
  CHECK(dup2(1, (int)limit.rlim_cur - 1) == (int)limit.rlim_cur - 1);
  SHOW(close((int)limit.rlim_cur - 1));
  return guest_failed();
}
