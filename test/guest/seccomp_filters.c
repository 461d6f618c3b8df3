// Shows: seccomp filters: errno, trap with its siginfo, log, precedence, inheritance over fork and exec, kill, strict
// mode, and what is refused.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "guest.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define WHEN(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

static long install(struct sock_filter* filter, unsigned short length, unsigned flags) {
  struct sock_fprog program = {length, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
#define INSTALL(...)                                             \
  ({                                                             \
    struct sock_filter filter_[] = {__VA_ARGS__};                \
    install(filter_, sizeof filter_ / sizeof *filter_, 0);       \
  })
// A verdict for one call, the others are allowed.
#define ON(number, verdict) INSTALL(LOAD(nr), WHEN(number, 1), RETURN(verdict), RETURN(SECCOMP_RET_ALLOW))

static void on_sys(int signo, siginfo_t* info, void* context) {
  ucontext_t* c = context;
  printf("SIGSYS %d code %d errno %d call %d arch %x address %d rax %lld\n", signo == SIGSYS, info->si_code, info->si_errno,
         info->si_syscall, info->si_arch, (long)info->si_call_addr == c->uc_mcontext.gregs[REG_RIP],
         c->uc_mcontext.gregs[REG_RAX]);
  c->uc_mcontext.gregs[REG_RAX] = 4242;
}

static void child(const char* what, void (*body)(void)) {
  pid_t pid = MUST(fork());
  if (!pid) {
    body();
    _exit(7);
  }
  reap(what, pid);
}

static void killed_process(void) {
  ON(SYS_getppid, SECCOMP_RET_KILL_PROCESS);
  getppid();
}
static void killed_thread(void) {
  ON(SYS_getppid, SECCOMP_RET_KILL_THREAD);
  getppid();
}
static void unknown_action(void) {
  ON(SYS_getppid, 0x12340000);
  getppid();
}
static void trap_default(void) {
  signal(SIGSYS, SIG_DFL);
  ON(SYS_getppid, SECCOMP_RET_TRAP);
  getppid();
}
static void trap_ignored(void) {
  signal(SIGSYS, SIG_IGN);
  ON(SYS_getppid, SECCOMP_RET_TRAP);
  getppid();
}
static void trap_blocked(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSYS);
  sigprocmask(SIG_BLOCK, &set, NULL);
  ON(SYS_getppid, SECCOMP_RET_TRAP);
  getppid();
}
static void strict(void) {
  SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
  MUST(write(1, "still writes\n", 13));
  syscall(SYS_exit, 3);
}
static void strict_killed(void) {
  MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
  syscall(SYS_getppid);
}
static void over_exec(void) {
  ON(SYS_getppid, SECCOMP_RET_ERRNO | ENOTUNIQ);
  execl("/proc/self/exe", "seccomp_filters", "again", NULL);
}
static void* thread(void* unused UNUSED) {
  SHOW(syscall(SYS_getpgid, 0) == -1 ? errno : 0);
  return NULL;
}
static void* thread_dies(void* unused UNUSED) {
  ON(SYS_getppid, SECCOMP_RET_KILL_THREAD);
  getppid();
  puts("not reached");
  return NULL;
}

int main(int argc, char** argv UNUSED) {
  if (argc > 1) {
    SHOW(getppid());
    SHOW(prctl(PR_GET_SECCOMP));
    return 5;
  }
  SHOW(prctl(PR_GET_SECCOMP));
  SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  SHOW(prctl(PR_SET_SECCOMP, 9, 0));
  SHOW(syscall(SYS_seccomp, 77, 0, NULL));
  SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL));
  SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x8000, NULL));
  SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL));
  SHOW(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 8));
  SHOW(install(NULL, 0, 0));
  SHOW(install(NULL, 3, 0));
  SHOW(install(NULL, 5000, 0));
  SHOW(INSTALL(LOAD(nr)));
  SHOW(INSTALL(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0)));
  SHOW(INSTALL(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(0)));
  SHOW(INSTALL(BPF_STMT(BPF_LD | BPF_MEM, 0), RETURN(0)));
  SHOW(INSTALL(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RETURN(0)));
  unsigned actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE,
                        SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, 0x12340000};
  for (int i = 0; i < 8; i++) SHOW(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));

  child("kill process", killed_process);
  child("kill thread", killed_thread);
  child("unknown action", unknown_action);
  child("trap by default", trap_default);
  child("trap ignored", trap_ignored);
  child("trap blocked", trap_blocked);
  child("strict", strict);
  child("strict killed", strict_killed);
  child("over exec", over_exec);

  struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
  MUST(sigaction(SIGSYS, &action, NULL));
  SHOW(ON(SYS_getuid, SECCOMP_RET_TRAP | 99));
  SHOW(syscall(SYS_getuid));
  SHOW(ON(SYS_getpgid, SECCOMP_RET_ERRNO | EXDEV));
  SHOW(getpgid(0));
  SHOW(ON(SYS_getgid, SECCOMP_RET_ERRNO));
  SHOW(getgid());
  SHOW(ON(SYS_getegid, SECCOMP_RET_ERRNO | 0xffff));
  CHECK(syscall(SYS_getegid) == -1 && errno == 4095);
  SHOW(ON(SYS_getppid, SECCOMP_RET_TRACE));
  SHOW(getppid());
  SHOW(ON(SYS_getpgrp, SECCOMP_RET_LOG));
  SHOW(getpgrp() > 0);
  // By argument: both halves of a 64-bit word.
  SHOW(INSTALL(LOAD(nr), WHEN(SYS_dup, 5), LOAD(args[0]), WHEN(77, 3), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 20), WHEN(5, 1),
               RETURN(SECCOMP_RET_ERRNO | EL2HLT), RETURN(SECCOMP_RET_ALLOW)));
  SHOW(syscall(SYS_dup, 77l));
  SHOW(syscall(SYS_dup, 77l | 5l << 32));
  // The stricter one holds, whichever is newer.
  SHOW(ON(SYS_getpgid, SECCOMP_RET_ALLOW));
  SHOW(getpgid(0));
  SHOW(ON(SYS_getpgid, SECCOMP_RET_ERRNO | ENOANO));
  SHOW(getpgid(0));
  SHOW(prctl(PR_GET_SECCOMP));
  SHOW(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
  pthread_t id;
  pthread_create(&id, NULL, thread, NULL);
  pthread_join(id, NULL);
  pthread_create(&id, NULL, thread_dies, NULL);
  pthread_join(id, NULL);
  puts("the others live on");
  return 0;
}
