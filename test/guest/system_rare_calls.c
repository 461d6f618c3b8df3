// Shows: rare calls as an unprivileged user: kcmp, memory policies, sysfs, ustat, iopl, ioperm, adjtimex, and those that fail on every Linux.
// run: static ; timeout 60s
#include <grp.h>
#include <linux/kcmp.h>
#include <linux/mempolicy.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>

#include "guest.h"

#define CALL(...) SHOW(syscall(__VA_ARGS__))

static void compare(void) {
  int a = MUST(open("/dev/null", O_RDWR)), b = MUST(dup(a)), c = MUST(open("/dev/null", O_RDWR));
  int set = MUST(epoll_create1(0)), pair[2];
  MUST(pipe(pair));
  pid_t self = getpid();
  struct rlimit limit;
  CALL(SYS_kcmp, self, self, KCMP_FILE, a, b);
  printf("other file %d\n", syscall(SYS_kcmp, self, self, KCMP_FILE, a, c) != 0);
  CALL(SYS_kcmp, self, self, KCMP_FILE, a, 99);
  CALL(SYS_kcmp, self, self, KCMP_VM, 0, 0);
  CALL(SYS_kcmp, self, self, KCMP_FILES, 0, 0);
  CALL(SYS_kcmp, self, self, KCMP_SIGHAND, 0, 0);
  CALL(SYS_kcmp, self, self, 99, 0, 0);
  CALL(SYS_kcmp, self, 0x7fffffff, KCMP_VM, 0, 0);
  MUST(getrlimit(RLIMIT_NOFILE, &limit));
  CALL(SYS_kcmp, self, self, KCMP_FILE, (int)limit.rlim_max + 1, (int)limit.rlim_max + 1);
  MUST(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &(struct epoll_event){EPOLLIN}));
  struct kcmp_epoll_slot slot = {(unsigned)set, (unsigned)pair[0], 0};
  CALL(SYS_kcmp, self, self, KCMP_EPOLL_TFD, pair[0], &slot);
  CALL(SYS_kcmp, self, self, KCMP_EPOLL_TFD, pair[0], 8);
  slot.tfd = 77;
  CALL(SYS_kcmp, self, self, KCMP_EPOLL_TFD, pair[0], &slot);
  // Neither has semaphores to undo; a process's own copies differ, by addresses.
  const pid_t child = fork();
  if (child == 0) pause();
  CALL(SYS_kcmp, self, child, KCMP_SYSVSEM, 0, 0);
  printf("other memory %d\n", syscall(SYS_kcmp, self, child, KCMP_VM, 0, 0) > 0);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

static void policies(void) {
  unsigned long nodes[16] = {1};
  int mode = -1;
  char* memory = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CALL(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0);
  printf("mode %d\n", mode);
  CALL(SYS_set_mempolicy, MPOL_PREFERRED, nodes, 64);
  CALL(SYS_get_mempolicy, &mode, nodes, 1024, NULL, 0);
  printf("mode %d nodes %lx\n", mode, nodes[0]);
  CALL(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
  CALL(SYS_set_mempolicy, 99, NULL, 0);
  CALL(SYS_set_mempolicy, MPOL_BIND, 8, 64);
  CALL(SYS_mbind, memory, 16384, MPOL_BIND, nodes, 64, 0);
  memory[0] = 1;
  CALL(SYS_get_mempolicy, &mode, NULL, 0, memory, MPOL_F_ADDR);
  printf("mode %d\n", mode);
  CALL(SYS_mbind, memory + 1, 4096, MPOL_BIND, nodes, 64, 0);
  CALL(SYS_mbind, memory, 4096, MPOL_BIND, nodes, 64, 0xff00);
  CALL(SYS_mbind, 4096, 4096, MPOL_BIND, nodes, 64, 0);
  CALL(SYS_get_mempolicy, &mode, NULL, 0, 4096, MPOL_F_ADDR);
  CALL(SYS_get_mempolicy, 8, NULL, 0, NULL, 0);
  CALL(450, memory, 4096, 0, 0);  // set_mempolicy_home_node
  CALL(450, memory, 4096, 99, 0);
  CALL(450, memory, 4096, 0, 1);
}

int main(void) {
  scratch();
  if (geteuid() == 0) {
    MUST(chmod(".", 0777));
    MUST(setgroups(0, NULL));
    MUST(setresgid(65534, 65534, 65534));
    MUST(setresuid(65534, 65534, 65534));
  }
  prctl(PR_SET_DUMPABLE, 1);
  for (int i = 3; i < 256; i++) close(i);
  compare();
  policies();
  char name[64] = "";
  struct stat st;
  CHECK(syscall(SYS_sysfs, 3) > 3);
  CALL(SYS_sysfs, 1, "proc") > 0;
  CALL(SYS_sysfs, 1, "no such");
  CALL(SYS_sysfs, 1, 8);
  CALL(SYS_sysfs, 2, syscall(SYS_sysfs, 1, "proc"), name);
  puts(name);
  CALL(SYS_sysfs, 2, 0, 8);
  CALL(SYS_sysfs, 2, 9999, name);
  CALL(SYS_sysfs, 9);
  MUST(stat("/", &st));
  CALL(SYS_ustat, 0x7fff, name);
  CALL(SYS_ustat, (unsigned)st.st_dev, 8);
  // A kernel without CONFIG_X86_IOPL_IOPERM has them not.
  const struct {
    long number, a, b, c, result;
  } ports[] = {
      {SYS_iopl, 0, 0, 0, 0},           {SYS_iopl, 3, 0, 0, EPERM},         {SYS_iopl, 4, 0, 0, EINVAL},
      {SYS_iopl, -1, 0, 0, EINVAL},     {SYS_ioperm, 0x80, 1, 1, EPERM},    {SYS_ioperm, 0x80, 1, 0, 0},
      {SYS_ioperm, 0x80, 0, 0, EINVAL}, {SYS_ioperm, 0xffff, 2, 0, EINVAL}, {SYS_ioperm, -1, 2, 0, EINVAL}};
  for (unsigned i = 0; i < sizeof ports / sizeof *ports; i++) {
    long r = syscall(ports[i].number, ports[i].a, ports[i].b, ports[i].c);
    CHECK((r < 0 ? errno : 0) == ports[i].result || errno == ENOSYS);
  }
  struct timex timex = {0};
  CHECK(syscall(SYS_adjtimex, &timex) >= 0);
  timex.modes = ADJ_FREQUENCY;
  CALL(SYS_adjtimex, &timex);
  timex.modes = 0;
  CHECK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &timex) >= 0);
  CALL(SYS_clock_adjtime, CLOCK_MONOTONIC, &timex);
  CALL(SYS_clock_adjtime, 999, &timex);
  CALL(SYS_adjtimex, 8);
  const int absent[] = {134, 156, 174, 177, 178, 180, 181, 182, 183,
                        184, 185, 205, 211, 212, 214, 215, 219, 236};
  for (unsigned i = 0; i < sizeof absent / sizeof *absent; i++) {
    printf("%d: ", absent[i]);
    CALL(absent[i], 0, 0, 0, 0, 0);
  }
  return guest_failed();
}
