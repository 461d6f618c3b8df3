// What the tests of the debugger look at: one mode for each word on the command line.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

volatile int counter;
char *volatile shared_code;
atomic_int total, stop, failures;

__attribute__((noinline)) int add(int a, int b) {
  counter += a + b;
  return a + b;
}
__attribute__((noinline)) void visit(int id) { atomic_fetch_add(&total, id); }
__attribute__((noinline)) void ready(void) { atomic_fetch_add(&total, 0); }
__attribute__((noinline)) unsigned long flags_pushed(void) {
  unsigned long flags;
  asm volatile("pushfq; popq %0" : "=r"(flags));
  return flags;
}

// A thread that has been made and has not run yet is none that a debugger knows.
static atomic_int begun;

static void *spin(void *arg) {
  int id = (int)(long)arg;
  for (int i = 0; i < 2; i++) visit(id);
  while (!stop) atomic_fetch_add(&total, 0);
  return NULL;
}
// A call that is interrupted although nobody has sent a signal is a failure.
static void *sleeper(void *arg) {
  (void)arg;
  begun++;
  while (!stop) {
    struct timespec moment = {0, 3000000};
    if (nanosleep(&moment, NULL) != 0) atomic_fetch_add(&failures, 1);
  }
  return NULL;
}
static void *caller(void *arg) {
  int *ends = arg;
  char byte = 'x';
  begun++;
  while (!stop)
    if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) atomic_fetch_add(&failures, 1);
  return NULL;
}

static void on_segv(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  char text[64];
  int n = snprintf(text, sizeof text, "handled %d\n", info->si_code);
  if (write(1, text, n) != n) _exit(9);
  _exit(4);
}

static int entries(const char *path) {
  int n = 0;
  DIR *d = opendir(path);
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "sum";
  if (strcmp(mode, "sum") == 0) {
    int sum = 0;
    for (int i = 0; i < 3; i++) sum = add(sum, i);
    printf("sum %d\n", sum);
    return 7;
  }
  if (strcmp(mode, "threads") == 0) {
    pthread_t t[5];
    int ends[2];
    if (pipe(ends) != 0) return 1;
    for (long i = 0; i < 3; i++) pthread_create(&t[i], NULL, spin, (void *)(i + 1));
    pthread_create(&t[3], NULL, sleeper, NULL);
    pthread_create(&t[4], NULL, caller, ends);
    while (total < 12 || begun < 2) usleep(1000);
    ready();
    while (!stop) {
      struct timespec moment = {0, 2000000};
      if (nanosleep(&moment, NULL) != 0) failures++;
    }
    for (int i = 0; i < 5; i++) pthread_join(t[i], NULL);
    printf("total %d failures %d\n", total, failures);
    return 0;
  }
  if (strcmp(mode, "children") == 0) {
    visit(1);
    pid_t p = fork();
    if (p == 0) {
      visit(2);
      _exit(total);
    }
    int status;
    waitpid(p, &status, 0);
    printf("fork %d\n", WEXITSTATUS(status));
    p = vfork();
    if (p == 0) {
      visit(10);
      execl("/bin/true", "true", (char *)NULL);
      _exit(99);
    }
    waitpid(p, &status, 0);
    printf("vfork %d total %d\n", WEXITSTATUS(status), total);
    visit(100);
    return 0;
  }
  if (strcmp(mode, "exec") == 0) {
    visit(1);
    execl(argv[0], argv[0], "sum", (char *)NULL);
    return 99;
  }
  if (strcmp(mode, "fault") == 0) {
    struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    if (argc > 2) signal(SIGSEGV, SIG_DFL);
    volatile char *bad = (char *)16;
    char *page = mmap((void *)0x10000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    (void)page;
    *bad = 1;
    return 99;
  }
  if (strcmp(mode, "shared") == 0) {
    int fd = open(argv[0], O_RDONLY);
    shared_code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    ready();
    return 0;
  }
  if (strcmp(mode, "flags") == 0) {
    printf("trap flag %d\n", (int)(flags_pushed() >> 8 & 1));
    return 0;
  }
  if (strcmp(mode, "proc") == 0) {
    printf("tasks %d descriptors %d\n", entries("/proc/self/task"), entries("/proc/self/fd"));
    return 0;
  }
  return 98;
}
