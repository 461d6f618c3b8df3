// Ids that calls answer are the calling thread's own at every moment: in threads, forks, vforks, clones of all kinds, after
// an exec, after its credentials have changed, and not at all once a filter says otherwise. What procfs and the calls that
// give all ids say is what they are held against.
// run: both ; timeout 60s
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include "guest.h"

enum { kWarm = 40 };

static long number_in(const char *link) {
  char text[64], *end = text;
  ssize_t n = readlink(link, text, sizeof text - 1);
  text[n > 0 ? n : 0] = 0;
  for (char *c = text; *c; c++)
    if (*c == '/') end = c + 1;
  return atol(end);
}

static long by_number(long nr) {
  long result;
  asm volatile("syscall" : "=a"(result) : "a"(nr), "D"(1) : "rcx", "r11", "memory");
  return result;
}

// How many answers were wrong, by sites that say their number, and by one that does not.
static int check(int times) {
  const long pid = number_in("/proc/self"), tid = number_in("/proc/thread-self");
  unsigned ids[2][3];
  syscall(SYS_getresuid, &ids[0][0], &ids[0][1], &ids[0][2]);
  syscall(SYS_getresgid, &ids[1][0], &ids[1][1], &ids[1][2]);
  const struct { long nr, value; } all[] = {
      {SYS_getpid, pid},        {SYS_gettid, tid},        {SYS_getuid, ids[0][0]},
      {SYS_geteuid, ids[0][1]}, {SYS_getgid, ids[1][0]}, {SYS_getegid, ids[1][1]}};
  int wrong = 0;
  for (int i = 0; i < times; i++) {
    wrong += getpid() != pid || gettid() != tid || getuid() != ids[0][0] || geteuid() != ids[0][1] || getgid() != ids[1][0] ||
             getegid() != ids[1][1];
    for (int k = 0; k < 6; k++) wrong += by_number(all[k].nr) != all[k].value;
  }
  return wrong;
}

static int wrong_in_threads;
static void *thread(void *times) {
  __atomic_add_fetch(&wrong_in_threads, check((int)(long)times), __ATOMIC_RELAXED);
  return NULL;
}
static void threads(int count, int times) {
  pthread_t t[8];
  for (int i = 0; i < count; i++) pthread_create(&t[i], NULL, thread, (void *)(long)times);
  for (int i = 0; i < count; i++) pthread_join(t[i], NULL);
}

static int ended_with(pid_t child) {
  int status = -1;
  waitpid(child, &status, __WALL);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int in_child(void *times) { return check((int)(long)times) != 0; }
static int in_child_with_threads(void *unused) {
  threads(2, kWarm);
  return check(kWarm) != 0 || wrong_in_threads != 0;
}

static int forked(int (*body)(void *), void *argument) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) _exit(body(argument));
  return ended_with(child);
}

static int twice(void *unused) {
  const int before = check(kWarm);
  return before + forked(in_child, (void *)kWarm) + check(kWarm);
}

static void children(void) {
  printf("fork: first %d, warm %d, threads %d, twice %d\n", forked(in_child, (void *)1), forked(in_child, (void *)kWarm),
         forked(in_child_with_threads, NULL), forked(twice, NULL));
  int bad = 0;
  for (int i = 0; i < 5; i++) {
    pid_t child = vfork();
    if (child == 0) _exit(check(i * 10 + 1) != 0);
    bad += ended_with(child) + check(1);
  }
  printf("vfork %d\n", bad);
  static char stack[65536] __attribute__((aligned(16)));
  static const int flags[] = {SIGCHLD, CLONE_VM | SIGCHLD, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD,
                              CLONE_VM | CLONE_SIGHAND | SIGCHLD, CLONE_VM | CLONE_VFORK | SIGCHLD};
  for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
    bad = 0;
    for (int k = 0; k < 3; k++) {
      pid_t child = clone(in_child, stack + sizeof stack, flags[i], (void *)(long)(k * 20 + 1));
      bad += ended_with(child) + check(1);
    }
    printf("clone %x: %d\n", flags[i], bad);
  }
}

// A thread's own credentials, by its own calls alone.
static volatile int stage;
static void wait_for(int what) {
  while (stage != what) sched_yield();
}
static void *other_user(void *unused) {
  int wrong = check(kWarm);
  for (int i = 0; i < 5; i++) {
    wrong += syscall(SYS_setresgid, -1, 700 + i, -1) != 0 || syscall(SYS_setresuid, -1, 500 + i, -1) != 0;
    wrong += geteuid() != 500u + i || by_number(SYS_getegid) != 700 + i || getuid() != 0 || check(kWarm);
    wrong += syscall(SYS_setresuid, -1, 0, -1) != 0 || geteuid() != 0 || syscall(SYS_setregid, -1, 0) != 0 || check(kWarm);
  }
  syscall(SYS_setresuid, 600, 601, 0);
  stage = 1;
  wait_for(2);
  wrong += check(kWarm) + (getuid() != 600) + (geteuid() != 601) + forked(in_child, (void *)1);
  return (void *)(long)wrong;
}

static int everybody_wrong;
static void *everybody(void *unused) {
  check(kWarm);
  __atomic_add_fetch(&stage, 1, __ATOMIC_SEQ_CST);
  wait_for(100);
  __atomic_add_fetch(&everybody_wrong, (getuid() != 1234) + (by_number(SYS_geteuid) != 1234) + check(kWarm), __ATOMIC_RELAXED);
  return NULL;
}
static int all_threads(void *unused) {
  pthread_t t[3];
  stage = 0;
  for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, everybody, NULL);
  wait_for(3);
  const int result = setuid(1234);
  stage = 100;
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
  return result != 0 || everybody_wrong != 0 || getuid() != 1234 || check(kWarm);
}

static int execute(void *as) {
  if (check(kWarm) != 0) return 101;
  const long id = (long)as;
  if (id != 0 && (syscall(SYS_setresgid, id + 1, id + 1, id + 1) != 0 || syscall(SYS_setresuid, id, id, id) != 0)) return 102;
  execl("/proc/self/exe", "answers", "again", (char *)NULL);
  return 103;
}
static void *execute_in_thread(void *as) { return (void *)(long)execute(as); }
static int execute_beside(void *as) {
  pthread_t t;
  pthread_create(&t, NULL, execute_in_thread, as);
  pthread_join(t, NULL);
  return 104;
}

static void credentials(void) {
  const int root = geteuid() == 0;
  if (root) {
    pthread_t t;
    void *wrong;
    pthread_create(&t, NULL, other_user, NULL);
    wait_for(1);
    const int mine = check(kWarm) + (geteuid() != 0);
    stage = 2;
    pthread_join(t, &wrong);
    printf("one thread's: %ld, others' %d\n", (long)wrong, mine);
    printf("all threads': %d\n", forked(all_threads, NULL));
  }
  printf("exec: %d, in a thread %d\n", forked(execute, root ? (void *)321 : NULL), forked(execute_beside, NULL));
}

// Fails getpid with EXDEV: whatever its arguments, or where the first is 7.
static int install(int flags, int with_argument) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 0, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, with_argument ? SYS_getpid : 0, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  if (!with_argument) code[1].jf = 4;
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int filtered(void *with_argument) {
  check(kWarm);
  if (install(0, with_argument != NULL) != 0) return 101;
  int wrong = 0;
  for (int i = 0; i < kWarm; i++) {
    errno = 0;
    const long plain = syscall(SYS_getpid, 1);
    wrong += with_argument ? plain <= 0 : plain != -1 || errno != EXDEV;
    wrong += syscall(SYS_getpid, 7) != -1 || errno != EXDEV;
    wrong += gettid() != number_in("/proc/thread-self") || geteuid() != getuid();
  }
  return wrong;
}

static void *synchronized(void *unused) {
  long wrong = check(kWarm);
  __atomic_add_fetch(&stage, 1, __ATOMIC_SEQ_CST);
  // All the while, and afterwards at once.
  while (stage != 100) by_number(SYS_getpid);
  for (int i = 0; i < kWarm; i++) wrong += by_number(SYS_getpid) != -EXDEV || syscall(SYS_getpid) != -1;
  return (void *)wrong;
}
static int filtered_by_another(void *unused) {
  int wrong = 0;
  pthread_t t[3];
  stage = 0;
  for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, synchronized, NULL);
  wait_for(3);
  wrong += install(SECCOMP_FILTER_FLAG_TSYNC, 0) != 0;
  stage = 100;
  for (int i = 0; i < 3; i++) {
    void *found;
    pthread_join(t[i], &found);
    wrong += (int)(long)found;
  }
  return wrong;
}
static int strict(void *unused) {
  check(kWarm);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
  by_number(SYS_getpid);
  syscall(SYS_exit, 0);
  return 0;
}

static volatile int ticks;
static int wrong_in_handler;
static void on_tick(int sig) {
  const int error = errno;
  // The last one, even where each takes longer than the time between them.
  const struct itimerval never = {{0, 0}, {0, 0}};
  if (++ticks == 100) setitimer(ITIMER_REAL, &never, NULL);
  wrong_in_handler += check(1);
  errno = error;
}
// Stopped anywhere on the way to an answer.
static void stopped(void) {
  signal(SIGALRM, on_tick);
  const struct itimerval often = {{0, 500}, {0, 500}};
  const pid_t pid = getpid();
  const uid_t uid = getuid();
  int wrong = 0;
  setitimer(ITIMER_REAL, &often, NULL);
  while (ticks < 100) {
    for (int i = 0; i < 200; i++) {
      wrong += getpid() != pid || getuid() != uid;
      wrong += by_number(SYS_getpid) != pid || by_number(SYS_getuid) != uid || by_number(SYS_gettid) != pid;
    }
  }
  printf("stopped: wrong %d, in the handler %d\n", wrong, wrong_in_handler);
}

int main(int argc, char **argv) {
  if (argc > 1) return check(1) + check(kWarm) + (getuid() == 321 && getegid() != 322);
  printf("alone: %d\n", check(1) + check(kWarm));
  for (int i = 0; i < 6; i++) threads(1 + i % 4, i % 2 ? kWarm : 1);
  printf("threads: %d, main %d\n", wrong_in_threads, check(kWarm));
  children();
  credentials();
  printf("filter: %d, by argument %d, by another thread %d, strict %d\n", forked(filtered, NULL), forked(filtered, (void *)1),
         forked(filtered_by_another, NULL), forked(strict, NULL));
  stopped();
  printf("at last: %d\n", check(kWarm));
  return 0;
}
