// Shows: the link count of /proc/PID/task is that of the guest's threads, the size of /proc/PID/fd that of its descriptors, by every stat call.
#include "guest.h"

#include <dirent.h>

static void show_task(const char* what, unsigned long links) { printf("%s: %ld threads\n", what, (long)links - 2); }

static void show_all(const char* path) {
  struct stat s;
  struct statx x;
  MUST(stat(path, &s));
  show_task("stat", s.st_nlink);
  MUST(lstat(path, &s));
  show_task("lstat", s.st_nlink);
  MUST(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x));
  show_task("statx", x.stx_nlink);
  int fd = MUST(open(path, O_RDONLY | O_DIRECTORY));
  MUST(fstat(fd, &s));
  show_task("fstat", s.st_nlink);
  MUST(fstatat(fd, "", &s, AT_EMPTY_PATH));
  show_task("fstatat of a descriptor", s.st_nlink);
  MUST(fstatat(fd, ".", &s, 0));
  show_task("fstatat of .", s.st_nlink);
  MUST(fstatat(fd, "../task/", &s, 0));
  show_task("fstatat of ../task/", s.st_nlink);
  MUST(close(fd));
  fd = MUST(open(path, O_PATH));
  MUST(fstat(fd, &s));
  show_task("fstat of O_PATH", s.st_nlink);
  MUST(close(fd));
}

// Entries of the directory, less the one that reading it needs.
static long listed(const char* path) {
  DIR* d = opendir(path);
  long n = -2 - (strstr(path, "self") != NULL);
  while (d && readdir(d)) n++;
  closedir(d);
  return n;
}

// Linux before 6.2 says 0.
static void show_descriptors(const char* path) {
  struct stat s;
  struct statx x;
  MUST(stat(path, &s));
  MUST(statx(AT_FDCWD, path, 0, STATX_SIZE, &x));
  const long n = listed(path);
  CHECK(s.st_size == 0 || s.st_size == n);
  CHECK(x.stx_size == (unsigned long)s.st_size);
}

static pthread_barrier_t barrier;
static void* wait_twice(void* p) {
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return p;
}

int main(void) {
  show_all("/proc/self/task");
  show_descriptors("/proc/self/fd");
  struct stat before, after;
  MUST(stat("/proc/self/fd", &before));
  int opened[5];
  for (int i = 0; i < 5; i++) opened[i] = MUST(dup(1));
  MUST(stat("/proc/self/fd", &after));
  CHECK(after.st_size == 0 || after.st_size == before.st_size + 5);
  show_descriptors("/proc/thread-self/fd");

  pthread_t threads[3];
  pthread_barrier_init(&barrier, NULL, 4);
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, wait_twice, NULL);
  pthread_barrier_wait(&barrier);
  show_all("/proc/self/task");
  struct stat s;
  MUST(stat("/proc/thread-self/../../task", &s));
  show_task("by way of a thread", s.st_nlink);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);

  int ends[2];
  MUST(pipe(ends));
  const pid_t child = MUST(fork());
  if (child == 0) {
    char byte;
    close(ends[1]);
    MUST(read(ends[0], &byte, 1));
    _exit(0);
  }
  MUST(close(ends[0]));
  for (int i = 0; i < 5; i++) MUST(close(opened[i]));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", child);
  MUST(stat(path, &s));
  show_task("a child", s.st_nlink);
  snprintf(path, sizeof path, "/proc/%d/fd", child);
  do {  // the child may not have closed its end yet
    MUST(stat(path, &s));
  } while (s.st_size != 0 && s.st_size != before.st_size + 6);
  show_descriptors(path);
  MUST(write(ends[1], "", 1));
  int status;
  MUST(waitpid(child, &status, 0));
  printf("%d\n", status);

  MUST(stat("/proc", &s));
  MUST(stat("/sys", &s));
  MUST(stat("/", &s));
  return guest_failed();
}
