// Shows: RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK and RLIMIT_MEMLOCK are judged by the program's own mappings, to the page.
// run: both ; timeout 60s
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include "guest.h"

#define PAGE 4096ul
#define MB (1ul << 20)

// What the limits count, by /proc/self/maps.
static void totals(unsigned long* all, unsigned long* data) {
  FILE* maps = fopen("/proc/self/maps", "re");
  char line[8192];
  *all = *data = 0;
  while (fgets(line, sizeof line, maps)) {
    unsigned long from, to;
    char perms[5];
    sscanf(line, "%lx-%lx %4s", &from, &to, perms);
    if (from >> 63) continue;
    *all += to - from;
    if (perms[1] == 'w' && perms[3] == 'p' && !strstr(line, "[stack]")) *data += to - from;
  }
  fclose(maps);
}

static void limit(int which, unsigned long soft) {
  struct rlimit value;
  MUST(getrlimit(which, &value));
  value.rlim_cur = soft;
  MUST(setrlimit(which, &value));
}

static void* anonymous(unsigned long size, int prot) {
  return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

#define FITS(size, prot)                                            \
  do {                                                              \
    void* fits_ = anonymous(size, prot);                            \
    printf("%s %s: %s\n", #size, #prot, fits_ == MAP_FAILED ? errno_name(errno) : "fits"); \
    if (fits_ != MAP_FAILED) munmap(fits_, size);                   \
  } while (0)

static void address_space(void) {
  struct rlimit value = {5 * MB, 1ul << 40};
  SHOW(setrlimit(RLIMIT_AS, &value));
  memset(&value, 0, sizeof value);
  SHOW(getrlimit(RLIMIT_AS, &value));
  printf("%lu %lu\n", value.rlim_cur, value.rlim_max);
  FITS(PAGE, PROT_READ);
  limit(RLIMIT_AS, 1ul << 40);
  char* shrinking = MUST(anonymous(4 * MB, PROT_READ | PROT_WRITE));
  int id = MUST(shmget(IPC_PRIVATE, 4 * MB, 0600));
  FILE* limits = fopen("/proc/self/limits", "re");
  char line[256];
  while (fgets(line, sizeof line, limits))
    if (strstr(line, "address space") || strstr(line, "data size")) fputs(line, stdout);
  fclose(limits);
  unsigned long all, data;
  totals(&all, &data);
  limit(RLIMIT_AS, all + 8 * MB);
  FITS(8 * MB, PROT_READ);
  FITS(8 * MB, PROT_NONE);
  FITS(8 * MB + PAGE, PROT_READ);
  FITS(8 * MB + PAGE, PROT_NONE);
  FITS(1ul << 46, PROT_NONE);
  SHOW((long)mremap(shrinking, 4 * MB, 12 * MB + PAGE, MREMAP_MAYMOVE));
  SHOW(mremap(shrinking, 4 * MB, 12 * MB, MREMAP_MAYMOVE) == MAP_FAILED);
  void* attached = OK(shmat(id, NULL, 0));
  if (attached != (void*)-1) shmdt(attached);
  shmctl(id, IPC_RMID, NULL);
  totals(&all, &data);
  limit(RLIMIT_AS, all);
  char* top = sbrk(0);
  SHOW(brk(top + MB));
  SHOW(sbrk(0) == top);
  void* one = OK(anonymous(PAGE, PROT_READ));
  (void)one;
  // What it replaces is not counted.
  char* here = MUST(mmap(line, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? (char*)1 : NULL);
  (void)here;
  long got = 0;
  limit(RLIMIT_AS, all + 64 * MB);
  while (got < 1000 && anonymous(MB, PROT_READ | PROT_WRITE) != MAP_FAILED) got++;
  SHOW(got);
  pid_t pid = fork();
  if (pid == 0) {
    SHOW(anonymous(MB, PROT_READ) == MAP_FAILED);
    limit(RLIMIT_AS, RLIM_INFINITY > 1ul << 40 ? 1ul << 40 : 0);
    SHOW(anonymous(MB, PROT_READ) == MAP_FAILED);
    _exit(0);
  }
  reap("child", pid);
  struct rlimit other;
  pid = MUST(fork());
  if (pid == 0) {
    pause();
    _exit(0);
  }
  SHOW(prlimit(pid, RLIMIT_AS, NULL, &other));
  printf("%d\n", other.rlim_cur == all + 64 * MB && other.rlim_max == 1ul << 40);
  kill(pid, SIGKILL);
  reap("other", pid);
  limit(RLIMIT_AS, 1ul << 40);
}

static void data(void) {
  unsigned long all, size;
  char* none = MUST(anonymous(8 * MB, PROT_NONE));
  totals(&all, &size);
  limit(RLIMIT_DATA, size + 4 * MB);
  FITS(4 * MB, PROT_READ | PROT_WRITE);
  FITS(4 * MB + PAGE, PROT_READ | PROT_WRITE);
  FITS(64 * MB, PROT_READ);
  FITS(64 * MB, PROT_NONE);
  void* shared = OK(mmap(NULL, 8 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  munmap(shared, 8 * MB);
  SHOW(mprotect(none, 4 * MB, PROT_READ | PROT_WRITE));
  SHOW(mprotect(none + 4 * MB, PAGE, PROT_READ | PROT_WRITE));
  SHOW(mprotect(none, 4 * MB, PROT_READ));
  SHOW(mprotect(none, 8 * MB, PROT_READ));
  limit(RLIMIT_DATA, 0);
  char* top = sbrk(0);
  SHOW(syscall(SYS_brk, top + PAGE) == (long)top);
  limit(RLIMIT_DATA, RLIM_INFINITY);
}

static volatile char sink;
__attribute__((noinline)) static void deep(unsigned long bytes) {
  char frame[16384];
  memset(frame, 1, sizeof frame);
  sink = frame[bytes % sizeof frame];
  if (bytes > sizeof frame) deep(bytes - sizeof frame);
  sink = frame[0];
}

static void stack(void) {
  struct { unsigned long limit, use; } cases[] = {{256 << 10, 160 << 10}, {256 << 10, 600 << 10}, {4 * MB, 3 * MB}, {4 * MB, 5 * MB}, {32 * MB, 24 * MB}, {32 * MB, 40 * MB}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    pid_t pid = MUST(fork());
    if (pid == 0) {
      limit(RLIMIT_STACK, cases[i].limit);
      deep(cases[i].use);
      _exit(0);
    }
    char what[64];
    snprintf(what, sizeof what, "%lu of %lu KiB", cases[i].use >> 10, cases[i].limit >> 10);
    reap(what, pid);
  }
  // A read far below the stack pointer grows it as the program's own access does.
  int zero = MUST(open("/dev/zero", O_RDONLY));
  char* below = (char*)((unsigned long)&zero & ~(PAGE - 1)) - MB;
  SHOW(read(zero, below, 16));
  SHOW(below[3]);
}

static void locks(void) {
  if (getuid() == 0) {
    MUST(prctl(PR_CAPBSET_DROP, 14));  // CAP_IPC_LOCK
    MUST(setresuid(65534, 65534, 65534));
  }
  limit(RLIMIT_MEMLOCK, 64 << 10);
  char* p = MUST(anonymous(MB, PROT_READ | PROT_WRITE));
  SHOW(mlock(p, 64 << 10));
  SHOW(mlock(p + (64 << 10), PAGE));
  SHOW(munlock(p, PAGE));
  SHOW(mlock(p + (64 << 10), PAGE));
  SHOW(mlockall(MCL_CURRENT));
  SHOW(munlockall());
  SHOW(mlockall(MCL_FUTURE));
  FITS(64 << 10, PROT_READ | PROT_WRITE);
  FITS(68 << 10, PROT_READ | PROT_WRITE);
  FITS(68 << 10, PROT_NONE);
  char* top = sbrk(0);
  SHOW(syscall(SYS_brk, top + MB) == (long)top);
  SHOW(mlockall(0));
  SHOW(mlockall(MCL_ONFAULT));
  SHOW(mlockall(99));
  SHOW(munlockall());
  FITS(68 << 10, PROT_READ | PROT_WRITE);
  limit(RLIMIT_MEMLOCK, 0);
  SHOW(mlockall(MCL_CURRENT));
  SHOW(mlock(p, PAGE));
  SHOW((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
}

static long locked(void) {
  FILE* status = fopen("/proc/self/status", "re");
  char line[256];
  long kb = -1;
  while (fgets(line, sizeof line, status))
    if (sscanf(line, "VmLck: %ld", &kb) == 1) break;
  fclose(status);
  return kb;
}

static void all_locks(void) {
  SHOW(locked());
  char* p = MUST(anonymous(MB, PROT_READ | PROT_WRITE));
  SHOW(mlockall(MCL_CURRENT | MCL_ONFAULT));
  SHOW(locked() >= 1024 && locked() < 64 << 10);
  SHOW(munlock(p, MB));
  SHOW(munlockall());
  SHOW(locked());
  SHOW(mlockall(MCL_FUTURE));
  SHOW(locked());
  p = MUST(anonymous(MB, PROT_READ | PROT_WRITE));
  SHOW(locked());
  unsigned char resident[256];
  SHOW(mincore(p, MB, resident));
  SHOW(resident[0] & resident[255] & 1);
  SHOW(munmap(p, MB));
  SHOW(locked());
  SHOW(mlockall(MCL_FUTURE | MCL_ONFAULT));
  p = MUST(anonymous(MB, PROT_READ | PROT_WRITE));
  SHOW(mincore(p, MB, resident));
  SHOW(resident[0] & 1);
  pid_t pid = MUST(fork());
  if (pid == 0) {
    SHOW(locked());
    anonymous(MB, PROT_READ | PROT_WRITE);
    SHOW(locked());
    _exit(0);
  }
  reap("child", pid);
  SHOW(munlockall());
}

static void in_child(void (*part)(void), const char* name) {
  pid_t pid = MUST(fork());
  if (pid == 0) {
    part();
    _exit(0);
  }
  reap(name, pid);
}

int main(void) {
  printf("started\n");
  in_child(address_space, "address space");
  in_child(data, "data");
  in_child(stack, "stack");
  in_child(all_locks, "all locks");
  in_child(locks, "locks");
  return 0;
}
