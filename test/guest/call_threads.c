// What is a thread's own stays its own when many threads make short calls: ids, credentials, directories, filters,
// forks in between; and the process has no more threads than it made.
// run: both ; timeout 60s
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "guest.h"

static pid_t self, parent;
static int wrong;
static volatile int stop;

static void busy(int times) {
  char byte;
  struct stat status;
  int zero = open("/dev/zero", O_RDONLY);
  for (int i = 0; i < times; i++) {
    if (getpid() != self || getppid() != parent) __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    if (read(zero, &byte, 1) != 1 || stat("/", &status) != 0) __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
  }
  close(zero);
}

static void *worker(void *unused) {
  while (!stop) busy(200);
  return NULL;
}

static int tasks(void) {
  DIR *d = opendir("/proc/self/task");
  int n = 0;
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

static int threads_in_status(void) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[256];
  int n = -1;
  while (fgets(line, sizeof line, f)) sscanf(line, "Threads: %d", &n);
  fclose(f);
  return n;
}

static void *own_directory(void *unused) {
  char name[256];
  busy(500);
  if (unshare(CLONE_FS) != 0) return (void *)1;
  chdir("/tmp");
  for (int i = 0; i < 500; i++)
    if (strcmp(getcwd(name, sizeof name), "/tmp") != 0) wrong++;
  return NULL;
}

static void *own_name(void *unused) {
  char name[64], expected[64];
  snprintf(expected, sizeof expected, "%d/task/%d", getpid(), gettid());
  busy(500);
  for (int i = 0; i < 200; i++) {
    ssize_t n = readlink("/proc/thread-self", name, sizeof name - 1);
    name[n > 0 ? n : 0] = 0;
    if (strcmp(name, expected) != 0) wrong++;
    struct stat a, b;
    snprintf(name, sizeof name, "/proc/self/task/%d", gettid());
    if (stat("/proc/thread-self", &a) != 0 || stat(name, &b) != 0 || a.st_ino != b.st_ino) wrong++;
  }
  return NULL;
}

static void *refused(void *unused) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {4, code};
  busy(500);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return (void *)1;
  for (int i = 0; i < 500; i++)
    if (syscall(SYS_getppid) != -1 || errno != EXDEV) wrong++;
  return NULL;
}

static void run(const char *what, void *(*body)(void *), void *argument) {
  pthread_t t;
  void *result;
  pthread_create(&t, NULL, body, argument);
  pthread_join(t, &result);
  printf("%s: %s, wrong %d\n", what, result ? "refused" : "done", wrong);
}

int main(void) {
  self = getpid();
  parent = getppid();
  busy(2000);
  printf("alone: wrong %d, tasks %d, threads %d\n", wrong, tasks(), threads_in_status());
  pthread_t t[3];
  for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, worker, NULL);
  busy(1000);
  printf("four: tasks %d, threads %d\n", tasks(), threads_in_status());

  int bad = 0;
  for (int i = 0; i < 20; i++) {
    pid_t child = fork();
    if (child == 0) {
      pid_t mother = self;
      self = getpid();
      parent = mother;
      busy(100);
      _exit(wrong ? 1 : 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    bad += status != 0;
  }
  printf("children: bad %d, wrong %d\n", bad, wrong);
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);

  char name[256];
  getcwd(name, sizeof name);
  int fd = open("/dev/zero", O_RDONLY);
  run("directory", own_directory, NULL);
  run("name", own_name, NULL);
  run("filter", refused, NULL);
  char now[256], byte;
  busy(500);
  printf("main: directory %d, descriptor %zd, wrong %d\n", strcmp(getcwd(now, sizeof now), name) == 0, read(fd, &byte, 1), wrong);
  if (getuid() == 0) {
    // The calling thread alone, and nothing else of the process.
    syscall(SYS_setresuid, -1, 12345, -1);
    for (int i = 0; i < 500; i++) wrong += geteuid() != 12345;
    struct stat status;
    int fds = mkdir("/tmp/call-threads", 0700);
    syscall(SYS_setresuid, -1, 0, -1);
  }
  rmdir("/tmp/call-threads");
  printf("credentials wrong %d\n", wrong);
  return 0;
}
