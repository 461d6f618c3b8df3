// Shows: threads with descriptor tables of their own (unshare, close_range, clone without CLONE_FILES): what each sees, threads
//        and processes that they make, and that all of it can be done again and again.
// run: both ; timeout 60s
#include <linux/close_range.h>
#include <sched.h>
#include <sys/socket.h>

#include "guest.h"

static pthread_barrier_t barrier;
static int shared_fd;
static volatile int seen;

static int is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void* nothing(void* p) { return p; }

// Threads that come and go in whatever table the caller has. Silent, as several do it at once.
static void make_threads(int count) {
  pthread_t threads[8];
  for (int i = 0; i < count; i++) {
    int error = pthread_create(&threads[i], NULL, nothing, NULL);
    if (error) printf("no thread: %s\n", errno_name(error));
  }
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

static void* closes_after_unshare(void* how) {
  if (how == (void*)1) {
    SHOW(unshare(CLONE_FILES));
    SHOW(close(shared_fd));
  } else if (how == (void*)2) {
    SHOW(syscall(SYS_close_range, shared_fd, shared_fd, CLOSE_RANGE_UNSHARE));
  } else {
    SHOW(syscall(SYS_close_range, 100000, 200000, CLOSE_RANGE_UNSHARE));
    SHOW(close(shared_fd));
  }
  printf("in the thread: %d\n", is_open(shared_fd));
  make_threads(6);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);  // the other has opened something
  printf("opened elsewhere: %d\n", is_open(shared_fd + 1));
  make_threads(6);
  pid_t child = MUST(fork());
  if (!child) {
    make_threads(2);
    _exit(is_open(shared_fd) ? 1 : 2);
  }
  reap("child of the thread", child);
  return NULL;
}

static int without_files(void* p UNUSED) {
  seen = is_open(shared_fd);
  close(shared_fd);
  seen += 2;
  syscall(SYS_futex, &seen, 1, 100, 0, 0, 0);
  return 0;
}

static char stack[65536] __attribute__((aligned(16)));

static void* idle(void* p UNUSED) {
  pthread_barrier_wait(&barrier);
  return NULL;
}

int main(void) {
  shared_fd = MUST(open("/dev/null", O_RDONLY));
  SHOW(unshare(CLONE_FILES));
  SHOW(unshare(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM));
  SHOW(unshare(CLONE_THREAD));
  SHOW(unshare(CLONE_VM));
  SHOW(unshare(CLONE_SIGHAND));
  SHOW(unshare(0));
  SHOW(unshare(CLONE_PARENT));
  SHOW(unshare(-1));
  pthread_barrier_init(&barrier, NULL, 2);
  for (long how = 1; how <= 3; how++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, closes_after_unshare, (void*)how)) return 2;
    pthread_barrier_wait(&barrier);
    printf("in the first: %d\n", is_open(shared_fd));
    CHECK(dup2(shared_fd, shared_fd + 1) == shared_fd + 1);
    make_threads(8);
    pthread_barrier_wait(&barrier);
    make_threads(8);
    pthread_join(thread, NULL);
    close(shared_fd + 1);
  }
  // With another thread about.
  pthread_t thread;
  if (pthread_create(&thread, NULL, idle, NULL)) return 2;
  SHOW(unshare(CLONE_THREAD));
  SHOW(unshare(CLONE_SIGHAND));
  SHOW(unshare(CLONE_VM));
  SHOW(unshare(CLONE_FILES | CLONE_VM));
  SHOW(unshare(CLONE_FILES));
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);

  // A thread that never shared the table.
  for (int i = 0; i < 3; i++) {
    seen = 0;
    int flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    MUST(clone(without_files, stack + sizeof stack, flags, NULL));
    while (seen < 2) usleep(1000);
    printf("seen %d, still open %d\n", seen, is_open(shared_fd));
    usleep(20000);
    make_threads(8);
  }
  for (int i = 0; i < 50; i++) {
    if (unshare(CLONE_FILES)) perror("unshare");
    make_threads(2);
  }
  return guest_failed();
}
