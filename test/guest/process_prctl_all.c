// Shows: every option of prctl with good, wrong and unknown arguments; PR_SET_MDWE over fork and exec; PR_GET_AUXV. What an older kernel lacks is EINVAL here and there.
// run: both ; timeout 60s
#include <elf.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "guest.h"

#define PAGE 4096ul
#define CALL(...) SHOW(syscall(SYS_prctl, __VA_ARGS__))
enum { kSetMdwe = 65, kGetMdwe, kSetMerge, kGetMerge, kRestoreIds = 77, kFutexHash, kGetAuxv = 0x41555856 };

static void* map(int prot) { return mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static void gains(void) {
  SHOW(map(PROT_READ | PROT_WRITE | PROT_EXEC) != MAP_FAILED);
  SHOW(map(PROT_WRITE | PROT_EXEC) != MAP_FAILED);
  char* p = map(PROT_READ | PROT_EXEC);
  SHOW(p != MAP_FAILED);
  SHOW(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
  SHOW(mprotect(p, PAGE, PROT_READ | PROT_EXEC | PROT_WRITE));
  SHOW(mprotect(p, PAGE, PROT_READ));
  SHOW(mprotect(p, PAGE, PROT_EXEC));
  p = map(PROT_READ | PROT_WRITE);
  SHOW(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
  SHOW(mprotect(p, PAGE, PROT_EXEC));
  CALL(kGetMdwe, 0, 0, 0, 0);
}

static void mdwe(char** argv, unsigned long bits) {
  pid_t pid = MUST(fork());
  if (pid == 0) {
    CALL(kSetMdwe, bits, 0, 0, 0);
    CALL(kGetMdwe, 0, 0, 0, 0);
    CALL(kSetMdwe, 0, 0, 0, 0);
    CALL(kSetMdwe, 2, 0, 0, 0);
    CALL(kSetMdwe, bits, 0, 0, 0);
    gains();
    pid_t child = MUST(fork());
    if (child == 0) {
      printf("-- in a child\n");
      gains();
      _exit(0);
    }
    reap("child", child);
    execl(argv[0], argv[0], "again", NULL);
    printf("%s\n", errno_name(errno));
    _exit(1);
  }
  reap("refusing", pid);
}

static void auxv(void) {
  unsigned long words[256] = {0};
  long size = CALL(kGetAuxv, words, sizeof words, 0, 0);
  if (size < 0) return;
  for (int i = 0; words[i] != AT_NULL; i += 2)
    if (words[i] == AT_ENTRY || words[i] == AT_RANDOM || words[i] == AT_PHDR || words[i] == AT_SYSINFO_EHDR)
      printf("%lu %d\n", words[i], words[i + 1] == getauxval(words[i]));
  unsigned long few[3] = {1, 1, 1};
  CALL(kGetAuxv, few, 8, 0, 0);
  printf("%d %lu\n", few[0] == words[0], few[1]);
  CALL(kGetAuxv, few, 0, 0, 0);
  CALL(kGetAuxv, NULL, 0, 0, 0);
  CALL(kGetAuxv, 8, 64, 0, 0);
  CALL(kGetAuxv, -4096l, 64, 0, 0);
  CALL(kGetAuxv, words, -1ul, 0, 0);
  CALL(kGetAuxv, words, 64, 1, 0);
}

// Each with nothing, and with each argument alone wrong or bad.
static void every(int option, const char* name) {
  long value[8] = {0};
  static const unsigned long odd[] = {0, 1, 2, 8, 99, -1ul, -4096ul};
  printf("%s:", name);
  for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) {
    long r = syscall(SYS_prctl, option, odd[i], 0, 0, 0);
    printf(" %ld/%s", r, r < 0 ? errno_name(errno) : "");
  }
  for (int at = 1; at < 4; at++) {
    long r = syscall(SYS_prctl, option, value, at == 1, at == 2, at == 3);
    printf(" %ld/%s", r < 0 ? r : 0, r < 0 ? errno_name(errno) : "");
  }
  printf("\n");
}

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("-- after exec\n");
    gains();
    return 0;
  }
  auxv();
  CALL(kSetMdwe, 4, 0, 0, 0);
  CALL(kSetMdwe, 1, 1, 0, 0);
  CALL(kSetMdwe, 1, 0, 0, 1);
  CALL(kGetMdwe, 1, 0, 0, 0);
  CALL(kGetMdwe, 0, 0, 0, 0);
  mdwe(argv, 1);
  mdwe(argv, 3);
  pid_t pid = MUST(fork());
  if (pid == 0) {
#define EVERY(option) every(option, #option)
    EVERY(PR_SET_UNALIGN);
    EVERY(PR_GET_UNALIGN);
    EVERY(PR_SET_FPEMU);
    EVERY(PR_GET_FPEMU);
    EVERY(PR_SET_FPEXC);
    EVERY(PR_GET_FPEXC);
    EVERY(PR_SET_ENDIAN);
    EVERY(PR_GET_ENDIAN);
    EVERY(PR_GET_DUMPABLE);
    EVERY(PR_SET_DUMPABLE);
    EVERY(PR_GET_KEEPCAPS);
    EVERY(PR_SET_KEEPCAPS);
    EVERY(PR_GET_TIMING);
    EVERY(PR_SET_TIMING);
    EVERY(PR_GET_TSC);
    EVERY(PR_CAPBSET_READ);
    EVERY(PR_GET_SECUREBITS);
    CALL(PR_SET_TIMERSLACK, 70000, 0, 0, 0);
    EVERY(PR_GET_TIMERSLACK);
    CALL(PR_SET_TIMERSLACK, 0, 0, 0, 0);
    EVERY(PR_GET_TIMERSLACK);
    EVERY(PR_TASK_PERF_EVENTS_DISABLE);
    EVERY(PR_TASK_PERF_EVENTS_ENABLE);
    EVERY(PR_MCE_KILL);
    EVERY(PR_MCE_KILL_GET);
    EVERY(PR_SET_CHILD_SUBREAPER);
    EVERY(PR_GET_CHILD_SUBREAPER);
    EVERY(PR_GET_TID_ADDRESS);
    EVERY(PR_SET_THP_DISABLE);
    EVERY(PR_GET_THP_DISABLE);
    EVERY(43);  // MPX
    EVERY(44);
    EVERY(PR_SET_FP_MODE);
    EVERY(PR_GET_FP_MODE);
    EVERY(PR_SVE_SET_VL);
    EVERY(PR_SVE_GET_VL);
    EVERY(PR_PAC_RESET_KEYS);
    EVERY(PR_SET_TAGGED_ADDR_CTRL);
    EVERY(PR_GET_TAGGED_ADDR_CTRL);
    EVERY(PR_SET_IO_FLUSHER);
    EVERY(PR_GET_IO_FLUSHER);
    EVERY(PR_SCHED_CORE);
    EVERY(kGetMerge);
    EVERY(kRestoreIds);
    EVERY(PR_SET_VMA);
    // Not PR_SET_PTRACER: a kernel with Yama takes it, a guest has none (docs/syscalls.md).
    EVERY(PR_SET_PDEATHSIG);
    EVERY(PR_GET_PDEATHSIG);
    EVERY(PR_GET_SECCOMP);
    EVERY(PR_SET_SECCOMP + 100);
    EVERY(-1);
    EVERY(0);
    CALL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99, 0, 0);
    CALL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 0, 0);
    CALL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    CALL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0);
    CALL(PR_CAP_AMBIENT, 99, 0, 0, 0);
    CALL(PR_SET_VMA, 0, map(PROT_READ), PAGE, "a name");
    CALL(PR_SET_VMA, 0, map(PROT_READ), PAGE, "a [name]");
    CALL(PR_SET_VMA, 0, NULL, PAGE, "hole");
    CALL(PR_SET_VMA, 0, 8, PAGE, "unaligned");
    CALL(PR_SET_VMA, 0, -PAGE, PAGE, "far");
    CALL(PR_SET_VMA, 0, map(PROT_READ), PAGE, NULL);
    CALL(PR_SET_VMA, 0, map(PROT_READ), PAGE, 8);
    CALL(PR_SET_VMA, 1, map(PROT_READ), PAGE, NULL);
    CALL(kFutexHash, 1, 16, 0, 0);
    CALL(kFutexHash, 1, 3, 0, 0);
    CALL(kFutexHash, 1, 16, 1, 0);
    CALL(kFutexHash, 2, 0, 0, 0);
    CALL(kFutexHash, 9, 0, 0, 0);
    _exit(0);
  }
  reap("options", pid);
  // Without dumping, one's own files of procfs stay one's own.
  pid = MUST(fork());
  if (pid == 0) {
    scratch();
    MUST(close(MUST(open("file", O_CREAT | O_RDWR, 0644))));
    MUST(symlink("file", "link"));
    MUST(chmod(".", 0755));
    if (getuid() == 0) MUST(setresuid(65534, 65534, 65534));
    CALL(PR_SET_DUMPABLE, 0, 0, 0, 0);
    OK(open("link", O_RDONLY));
    OK(open("/proc/self/fd/0", O_PATH));
    OK(open("/proc/self/maps", O_RDONLY));
    OK(open("/proc/self/stat", O_RDONLY));
    OK(open("/proc/self/status", O_RDONLY));
    OK(open("/proc/self/exe", O_RDONLY));
    char text[256];
    OK(readlink("/proc/self/exe", text, sizeof text));
    OK(readlink("/proc/self/cwd", text, sizeof text));
    OK(chdir("/proc/self/fd"));
    _exit(0);
  }
  reap("not dumpable", pid);
  return 0;
}
