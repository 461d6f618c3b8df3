// Signals that come while short calls are made one after the other: every call gives its own result, and handlers see the
// program where it could be.
// run: both ; timeout 60s
#include <dlfcn.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <ucontext.h>

#include "guest.h"

static volatile sig_atomic_t ticks, strange, interrupted_registers;
static pid_t parent;

extern char etext;

// Anything that is mapped from a file, or the vdso: never an address that the program does not know of.
static struct range { unsigned long start, end; } code[64];
static int ranges;

static void read_code_ranges(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512], mode[8];
  unsigned long start, end;
  while (fgets(line, sizeof line, maps) && ranges < 64)
    if (sscanf(line, "%lx-%lx %7s", &start, &end, mode) == 3 && mode[2] == 'x') code[ranges++] = (struct range){start, end};
  fclose(maps);
}

static void on_tick(int sig, siginfo_t *info, void *context) {
  const ucontext_t *u = context;
  unsigned long rip = (unsigned long)u->uc_mcontext.gregs[REG_RIP];
  int known = 0;
  for (int i = 0; i < ranges; i++) known |= rip >= code[i].start && rip < code[i].end;
  if (!known) strange++;
  // A handler's own calls come in the middle of others.
  if (getppid() != parent) interrupted_registers++;
  ticks++;
}

static long raw(long nr, long a, long b, long c) {
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

int main(void) {
  read_code_ranges();
  parent = getppid();
  struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 2000}, {0, 2000}};
  char name[] = "/tmp/call-signals-XXXXXX";
  int file = mkstemp(name), zero = open("/dev/zero", O_RDONLY), wrong = 0;
  char byte;
  struct stat status;
  for (int i = 0; i < 256; i++) byte = (char)i, write(file, &byte, 1);
  setitimer(ITIMER_REAL, &every, NULL);
  for (int i = 0; ticks < 200; i++) {
    if (getppid() != parent) wrong++;
    if (raw(SYS_getppid, 0, 0, 0) != parent) wrong++;
    // A read that is made twice, or not at all, shows in the file's position.
    if (lseek(file, i % 256, SEEK_SET) != i % 256) wrong++;
    if (read(file, &byte, 1) != 1 || byte != (char)i) wrong++;
    if (raw(SYS_lseek, file, 0, SEEK_CUR) != i % 256 + 1) wrong++;
    byte = 1;
    if (read(zero, &byte, 1) != 1 || byte != 0) wrong++;
    if (stat(name, &status) != 0 || status.st_size != 256) wrong++;
    if (fstat(zero, &status) != 0 || !S_ISCHR(status.st_mode)) wrong++;
    if (read(-1, &byte, 1) != -1 || errno != EBADF) wrong++;
    if (raw(SYS_read, file, 8, 1) != -EFAULT && raw(SYS_lseek, file, 0, SEEK_CUR) != 256) wrong++;
  }
  setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  printf("wrong %d, strange places %d, wrong in handlers %d\n", wrong, strange, interrupted_registers);

  // Without SA_RESTART, only what waits is ended.
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGALRM, &action, NULL);
  int pipe_fds[2];
  pipe(pipe_fds);
  for (int i = 0; i < 2000; i++) getppid();
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 30000}}, NULL);
  ssize_t n = read(pipe_fds[0], &byte, 1);
  printf("read of an empty pipe: %zd %s\n", n, strerror(errno));
  unlink(name);
  return 0;
}
