// Shows: forks while other threads open files by symbolic links: the children run and end as ever. With a name as
//        argument the children stay for a while, to be looked at.
// run: static
#include "guest.h"

static volatile int stop;
static void* opens(void* name) {
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    int fd = open(name, O_RDONLY);
    if (fd >= 0) close(fd);
  }
  return NULL;
}

int main(int argc, char** argv UNUSED) {
  enum { CHILDREN = 24 };
  scratch();
  MUST(symlink("/etc/passwd", "link"));
  pthread_t threads[3];
  char* names[] = {"link", "/proc/self/exe", "/proc/self/mem"};
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, opens, names[i]);
  pid_t children[CHILDREN];
  for (int i = 0; i < CHILDREN; i++) {
    children[i] = MUST(fork());
    if (!children[i]) {
      if (argc > 1) {
        MUST(write(1, "forked\n", 7));
        for (;;) pause();
      }
      _exit(i);
    }
  }
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < CHILDREN; i++) {
    int status;
    MUST(waitpid(children[i], &status, 0));
    if (status != i << 8) show_status("child", status);
  }
  puts("all ended");
  return guest_failed();
}
