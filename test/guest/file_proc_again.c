// Shows: files of procfs that are kept open and read from the start again tell what is so by then: the own and a child's.
// run: both
#include <sys/prctl.h>

#include "guest.h"

static char text[65536];

static const char* again(int fd) {
  if (lseek(fd, 0, SEEK_SET) != 0) printf("no seek: %s\n", errno_name(errno));
  ssize_t size = 0, n;
  while ((n = read(fd, text + size, sizeof text - 1 - (size_t)size)) > 0) size += n;
  text[size] = 0;
  return text;
}

static char state_in(const char* status) {
  const char* line = strstr(status, "State:\t");
  return line ? line[7] : '?';
}

static int wait_for_state(int fd, char wanted) {
  for (int i = 0; i < 2000; i++) {
    if (state_in(again(fd)) == wanted) return 1;
    usleep(5000);
  }
  return 0;
}

static int threads_in(const char* status) {
  const char* line = strstr(status, "Threads:\t");
  return line ? atoi(line + 9) : -1;
}

static pthread_barrier_t barrier;
static void* sleeper(void* p) {
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return p;
}

int main(void) {
  // A child's, through its life.
  pid_t child = MUST(fork());
  if (!child) {
    for (;;) pause();
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/status", child);
  int status = MUST(open(path, O_RDONLY));
  CHECK(wait_for_state(status, 'S'));
  MUST(kill(child, SIGSTOP));
  CHECK(wait_for_state(status, 'T'));
  MUST(kill(child, SIGCONT));
  CHECK(wait_for_state(status, 'S'));
  MUST(kill(child, SIGKILL));
  CHECK(wait_for_state(status, 'Z'));
  reap("child", child);
  CHECK(state_in(again(status)) == '?');
  close(status);

  // The own: threads, and mappings, by read and by pread.
  int own = MUST(open("/proc/self/status", O_RDONLY)), maps = MUST(open("/proc/self/maps", O_RDONLY));
  CHECK(threads_in(again(own)) == 1);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_t thread;
  if (pthread_create(&thread, NULL, sleeper, NULL)) return 2;
  pthread_barrier_wait(&barrier);
  CHECK(threads_in(again(own)) == 2);
  memset(text, 0, sizeof text);
  CHECK(pread(own, text, sizeof text - 1, 0) > 0 && threads_in(text) == 2);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  char* page = MUST((char*)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(mprotect(page, 4096, PROT_NONE));
  char line[32];
  snprintf(line, sizeof line, "%lx-", (unsigned long)page);
  CHECK(strstr(again(maps), line) != NULL);
  MUST(munmap(page, 4096));
  CHECK(strstr(again(maps), line) == NULL);
  // A duplicate and a child have the same file.
  int copy = MUST(dup(own));
  MUST(prctl(PR_SET_NAME, "renamed"));
  CHECK(strstr(again(copy), "Name:\trenamed\n") != NULL);
  child = MUST(fork());
  if (!child) {
    CHECK(strstr(again(own), "Name:\trenamed\n") != NULL);
    CHECK(atoi(strstr(text, "\nPid:\t") + 6) == getppid());
    _exit(guest_failed());
  }
  reap("reader", child);
  return guest_failed();
}
