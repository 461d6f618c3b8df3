// Writes calls of its own making into the page through which short calls reach the monitor's executor: numbers that it must
// not make, descriptors and addresses that are not the program's, words that change while they are read.
// @technique T1611
// @weakness CWE-367
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: there is no such page without the gate
// @attempts 6
// @peers none: there is no such page without the gate
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

// native/abi/layout.h and native/monitor/ring/ring.h.
#define PAGE ((volatile char*)(SYSTEM_VA + 0x40000000))
#define WORD(offset) (*(volatile uint32_t*)(PAGE + (offset)))
#define LONG(offset) (*(volatile uint64_t*)(PAGE + (offset)))
enum { OPEN = 0, POST = 0x40, NR = 0x44, ARGUMENTS = 0x48, RETURN = 0x78, ANSWER = 0x80, RESULT = 0x88, NEGATED = 0xc4 };

static const int listed[] = {
    SYS_getpid, SYS_getppid, SYS_getpgrp, SYS_getuid,     SYS_geteuid, SYS_getgid, SYS_getegid,   SYS_read,
    SYS_pread64, SYS_lseek,  SYS_fstat,   SYS_stat,       SYS_lstat,   SYS_newfstatat, SYS_statx, SYS_access,
    SYS_faccessat, SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_getcwd, SYS_uname};
static int is_listed(uint32_t nr) {
  for (unsigned i = 0; i < sizeof listed / sizeof *listed; i++)
    if (nr == (uint32_t)listed[i]) return 1;
  return 0;
}

// The page is read-only for a thread that has no ring.
static int page_is_ours(void) {
  attack_catch();
  if (sigsetjmp(attack_jump, 1)) return 0;
  WORD(0x1f8) = 1;
  return 1;
}

// True once the executor looks at our page. A busy machine may have none for a while; after two seconds of that in all, this
// no longer waits.
static int executor_looks(void) {
  static int patience = 2000;
  do {
    for (int n = 0; n < 32; n++) syscall(SYS_getppid);
    if (page_is_ours() && WORD(OPEN)) return 1;
  } while (patience-- > 0);
  return 0;
}

enum answer { NONE, REFUSED, MADE };
static enum answer wait_for(uint32_t post) {
  for (long looks = 0; looks < 200000; looks++) {
    uint32_t answer = WORD(ANSWER);
    if (answer == post) return MADE;
    if (answer == post + 1) return REFUSED;
  }
  return NONE;
}
static uint32_t post_call(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  WORD(NR) = nr;
  LONG(ARGUMENTS) = a;
  LONG(ARGUMENTS + 8) = b;
  LONG(ARGUMENTS + 16) = c;
  LONG(ARGUMENTS + 24) = d;
  LONG(ARGUMENTS + 32) = LONG(ARGUMENTS + 40) = 0;
  const uint32_t post = WORD(POST) + 2;
  WORD(NEGATED) = -post;
  WORD(POST) = post;
  return post;
}
// Posts it until somebody has taken it: NONE when nobody does.
static enum answer forge(uint32_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  for (int i = 0; i < 20; i++) {
    enum answer answer = WORD(OPEN) ? wait_for(post_call(nr, a, b, c, d)) : NONE;
    if (answer != NONE) return answer;
    if (!executor_looks()) return NONE;
  }
  return NONE;
}

static int taken;
static void verdict(const char* name, int worked) {
  MUST_NOT(name, worked, taken ? "refused" : "no-executor");
  taken = 0;
}

static void numbers(void) {
  static const uint32_t odd[] = {511, 512, 513, 4096, 0x40000000 | SYS_getppid, 0x7fffffff, 0x80000000, 0xffffffff};
  int worked = 0;
  char path[] = "/etc/passwd";
  for (uint32_t nr = 0; nr < 520; nr++) {
    const uint32_t which = nr < 512 ? nr : odd[nr - 512];
    if (is_listed(which)) continue;
    enum answer answer = forge(which, (uint64_t)path, 0, 0, 0);
    taken += answer != NONE;
    worked += answer == MADE;
  }
  verdict("unlisted-numbers", worked);
}

// Whatever the gate says that the program has not.
static void descriptors(void) {
  int worked = 0;
  struct stat status;
  for (uint64_t fd = 15700; fd < 16000; fd++) {
    enum answer answer = forge(SYS_fstat, fd, (uint64_t)&status, 0, 0);
    taken += answer != NONE;
    worked += answer == MADE && (int64_t)LONG(RESULT) == 0 && fstat((int)fd, &status) != 0;
    if (answer == NONE) break;
  }
  verdict("private-descriptors", worked);
}

static void addresses(int file) {
  static const uint64_t places[] = {ARENA_END - 8, ARENA_END, SYSTEM_VA, 0x7f0000000000, 0x7ffffffff000, 0xffff800000000000,
                                    -4096ul};
  static const char path[] = "/proc/self/exe";
  int worked = 0;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    const uint64_t at = places[i];
    const uint64_t calls[][5] = {
        {SYS_read, (uint64_t)file, at, 64},     {SYS_pread64, (uint64_t)file, at, 64, 0},
        {SYS_fstat, (uint64_t)file, at},        {SYS_stat, (uint64_t)path, at},
        {SYS_readlink, (uint64_t)path, at, 64}, {SYS_getcwd, at, 64},
        {SYS_uname, at},                        {SYS_stat, at, (uint64_t)PAGE},
        {SYS_access, at, 0}};
    for (unsigned n = 0; n < sizeof calls / sizeof *calls; n++) {
      const uint64_t* c = calls[n];
      enum answer answer = forge((uint32_t)c[0], c[1], c[2], c[3], c[4]);
      taken += answer != NONE;
      worked += answer == MADE && (int64_t)LONG(RESULT) >= 0;
    }
  }
  verdict("monitor-addresses", worked);
}

// The executor may see any mixture of the two calls; none of them is one that works.
static void change_while_taken(int file) {
  int worked = 0;
  static char buffer[64];
  for (int round = 0; round < 4000; round++) {
    if (!WORD(OPEN) && !executor_looks()) break;
    const uint32_t post = post_call(SYS_read, 1 << 20, (uint64_t)buffer, sizeof buffer, 0);
    for (int i = 0; i < 200 && WORD(ANSWER) != post && WORD(ANSWER) != post + 1; i++) {
      LONG(ARGUMENTS + 8) = i & 1 ? (uint64_t)buffer : SYSTEM_VA;
      LONG(ARGUMENTS) = i & 2 ? 1 << 20 : 15885;
      WORD(NR) = i & 4 ? SYS_read : SYS_dup;
    }
    enum answer answer = wait_for(post);
    taken += answer != NONE;
    worked += answer == MADE && (int64_t)LONG(RESULT) >= 0;
  }
  (void)file;
  verdict("changed-while-taken", worked);
}

// Where the call goes back to also says which code may be rewritten.
static void places_of_calls(void) {
  for (int round = 0; round < 2000; round++) {
    if (!WORD(OPEN) && !executor_looks()) break;
    static const uint64_t from[] = {0, 1, 7, ARENA_END - 1, SYSTEM_VA, 0x7f0000000000, -1ul, -7ul};
    LONG(RETURN) = from[round % 8] + (uint64_t)(round / 64);
    taken += wait_for(post_call(SYS_getppid, 0, 0, 0, 0)) != NONE;
  }
  verdict("forged-return-places", syscall(SYS_getppid) != getppid());
}

static volatile int stage;
static void* other_thread(void* seen) {
  if (executor_looks()) {
    WORD(0x1f0) = 0x600d;
    stage = 1;
    while (stage != 2) syscall(SYS_getppid);
    *(int*)seen = WORD(0x1f0) == 0xbad;
  }
  stage = 3;
  return NULL;
}
static void others_page(void) {
  int seen = 0;
  pthread_t thread;
  const int error = pthread_create(&thread, NULL, other_thread, &seen);
  CONTROL("thread", (errno = error, -error));
  // Where it can make no thread, as under barchan:strict, there is no other page.
  if (error != 0) return verdict("another-threads-page", 0);
  while (stage == 0) syscall(SYS_getppid);
  if (page_is_ours()) {
    taken = stage == 1;
    seen = WORD(0x1f0) == 0x600d;
    WORD(0x1f0) = 0xbad;
  }
  int first = seen;
  if (stage == 1) stage = 2;
  pthread_join(thread, NULL);
  verdict("another-threads-page", first || seen);
}

int main(void) {
  int file = open("/proc/self/exe", O_RDONLY);
  CONTROL("file", file);
  executor_looks();
  numbers();
  descriptors();
  addresses(file);
  change_while_taken(file);
  places_of_calls();
  others_page();
  return 0;
}
