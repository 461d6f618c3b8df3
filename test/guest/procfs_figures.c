// Shows: what status, statm, stat, smaps_rollup and maps tell of a process's memory, threads, signals and descriptors is the
//        program's own, grows with what it does, and agrees from file to file; of itself and of another.
// run: both
#include <sys/resource.h>

#include "guest.h"

static char text[1 << 18];

static const char* slurp(pid_t pid, const char* name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = MUST(open(path, O_RDONLY | O_CLOEXEC));
  ssize_t size = 0, n;
  while ((n = read(fd, text + size, sizeof text - 1 - (size_t)size)) > 0) size += n;
  text[size] = 0;
  close(fd);
  return text;
}

static long line_of(pid_t pid, const char* file, const char* key) {
  char start[32];
  snprintf(start, sizeof start, "\n%s:", key);
  const char* line = strstr(slurp(pid, file), start);
  return line ? atol(line + strlen(start)) : -1;
}
static unsigned long set_of(pid_t pid, const char* key) {
  char start[32];
  snprintf(start, sizeof start, "\n%s:", key);
  const char* line = strstr(slurp(pid, "status"), start);
  return line ? strtoul(line + strlen(start), NULL, 16) : 0;
}
// Of `stat`, from 1 on.
static long field(pid_t pid, int number) {
  const char* p = strrchr(slurp(pid, "stat"), ')') + 2;
  for (int at = 3; at < number; at++) p = strchr(p, ' ') + 1;
  return atol(p);
}
static long page_of(pid_t pid, int number) {
  const char* p = slurp(pid, "statm");
  for (int at = 0; at < number; at++) p = strchr(p, ' ') + 1;
  return atol(p);
}
// In kB; [vsyscall] is no mapping of the process.
static long mapped(pid_t pid) {
  long sum = 0;
  const char* p = slurp(pid, "maps");
  for (; *p; p = strchr(p, '\n') + 1) {
    char* end;
    unsigned long from = strtoul(p, &end, 16), to = strtoul(end + 1, NULL, 16);
    if (from < 1ul << 47) sum += (long)(to - from) / 1024;
  }
  return sum;
}

// The kernel counts resident pages apart for each processor or thread, and shows sums that may lack some; huge pages do the rest.
#define SLACK 1024
#define NEAR(a, b, by) (labs((long)(a) - (long)(b)) <= (by))

// Files of one process agree, but for what it does between two readings.
static void agree(pid_t pid) {
  long size = line_of(pid, "status", "VmSize"), resident = line_of(pid, "status", "VmRSS");
  CHECK(size > 0 && size < 80 << 10);
  CHECK(NEAR(size, page_of(pid, 0) * 4, 64) && NEAR(size, field(pid, 23) / 1024, 64));
  CHECK(NEAR(size, mapped(pid), SLACK));
  CHECK(NEAR(resident, page_of(pid, 1) * 4, SLACK) && NEAR(resident, field(pid, 24) * 4, SLACK));
  CHECK(NEAR(resident, line_of(pid, "smaps_rollup", "Rss"), SLACK));
  long parts = line_of(pid, "status", "RssAnon") + line_of(pid, "status", "RssFile") +
               line_of(pid, "status", "RssShmem");
  CHECK(NEAR(resident, parts, SLACK));
  CHECK(line_of(pid, "status", "VmHWM") >= resident - SLACK && line_of(pid, "status", "VmPeak") >= size - 64);
  CHECK(NEAR(line_of(pid, "status", "VmPeak"), size, 20 << 10));
  CHECK(line_of(pid, "status", "VmData") + line_of(pid, "status", "VmStk") - page_of(pid, 5) * 4 <= 64);
  CHECK(line_of(pid, "status", "VmExe") > 0 && line_of(pid, "status", "VmExe") / 4 == page_of(pid, 3));
  CHECK(line_of(pid, "status", "VmStk") >= 8 && line_of(pid, "status", "VmStk") < 1024);
}

static void handler(int signo UNUSED) {}

static pthread_barrier_t barrier;
static void* thread(void* p) {
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return p;
}

int main(int argc, char** argv) {
  pid_t self = getpid();
  if (argc > 1) {
    MUST(write(atoi(argv[1]), "x", 1));
    for (;;) pause();
  }
  agree(self);
  printf("data and bss below 2 MB: %d\n", line_of(self, "status", "VmData") < 2048);
  long lib = line_of(self, "status", "VmLib");
  CHECK(lib >= 0 && lib < 4096);

  puts("-- what it maps and touches");
  long size = line_of(self, "status", "VmSize"), anon = line_of(self, "status", "RssAnon"),
       data = line_of(self, "status", "VmData"), shmem = line_of(self, "status", "RssShmem"),
       rollup = line_of(self, "smaps_rollup", "Anonymous");
  size_t much = 32 << 20;
  char* private = MUST((char*)mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char* shared = MUST((char*)mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  MUST(mmap(NULL, 1ul << 34, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  CHECK(NEAR(line_of(self, "status", "VmSize") - size, (64 << 10) + (1 << 24), 64));
  CHECK(NEAR(line_of(self, "status", "VmData") - data, 32 << 10, 64));
  CHECK(NEAR(line_of(self, "status", "RssAnon"), anon, 4096));
  memset(private, 1, much / 2);
  memset(shared, 1, much / 4);
  CHECK(NEAR(line_of(self, "status", "RssAnon") - anon, 16 << 10, 4096));
  CHECK(NEAR(line_of(self, "status", "RssShmem") - shmem, 8 << 10, SLACK));
  CHECK(NEAR(line_of(self, "smaps_rollup", "Anonymous") - rollup, 16 << 10, 4096));
  CHECK(NEAR(page_of(self, 2) * 4, line_of(self, "status", "RssFile") + line_of(self, "status", "RssShmem"), SLACK));
  long high = line_of(self, "status", "VmHWM");
  MUST(munmap(private, much));
  MUST(munmap(shared, much));
  CHECK(NEAR(line_of(self, "status", "RssAnon"), anon, 4096));
  CHECK(line_of(self, "status", "VmHWM") >= high - SLACK);

  puts("-- threads, signals, descriptors");
  pthread_barrier_init(&barrier, NULL, 4);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    if (pthread_create(&threads[i], NULL, thread, NULL)) return 2;
  pthread_barrier_wait(&barrier);
  SHOW(line_of(self, "status", "Threads"));
  SHOW(field(self, 20));
  CHECK(strstr(slurp(self, "sched"), "#threads: 4)"));
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  printf("caught %lx, ignored %lx, blocked %lx\n", set_of(self, "SigCgt"), set_of(self, "SigIgn"), set_of(self, "SigBlk"));
  struct sigaction action = {.sa_handler = handler};
  MUST(sigaction(SIGSEGV, &action, NULL));
  MUST(sigaction(SIGUSR1, &action, NULL));
  action.sa_handler = SIG_IGN;
  MUST(sigaction(SIGBUS, &action, NULL));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  sigaddset(&set, SIGUSR2);
  MUST(sigprocmask(SIG_BLOCK, &set, NULL));
  printf("caught %lx, ignored %lx, blocked %lx\n", set_of(self, "SigCgt"), set_of(self, "SigIgn"), set_of(self, "SigBlk"));
  printf("caught %lx, ignored %lx, blocked %lx\n", field(self, 34), field(self, 33), field(self, 32));
  CHECK(line_of(self, "status", "FDSize") <= 256);
  int fd = MUST(fcntl(0, F_DUPFD, 300));
  SHOW(line_of(self, "status", "FDSize"));
  close(fd);

  puts("-- another's");
  MUST(sigprocmask(SIG_UNBLOCK, &set, NULL));
  signal(SIGBUS, SIG_DFL);
  int ends[2];
  MUST(pipe(ends));
  pid_t child = MUST(fork());
  if (!child) {
    char* mine = MUST((char*)mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(mine, 1, much);
    char number[16];
    snprintf(number, sizeof number, "%d", ends[1]);
    execl("/proc/self/exe", argv[0], number, NULL);
    _exit(98);
  }
  char ready;
  close(ends[1]);
  CHECK(read(ends[0], &ready, 1) == 1);
  agree(child);
  CHECK(NEAR(line_of(child, "status", "VmLck"), 0, 0));
  SHOW(line_of(child, "status", "Threads"));
  SHOW(field(child, 20));
  printf("caught %lx, ignored %lx\n", set_of(child, "SigCgt"), set_of(child, "SigIgn"));
  CHECK(line_of(child, "status", "FDSize") <= 512);
  CHECK(strstr(slurp(child, "maps"), "procfs_figures") && !strstr(text, "barchan"));
  MUST(kill(child, SIGKILL));
  reap("child", child);
  return guest_failed();
}
