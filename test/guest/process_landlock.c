// Shows: Landlock: rulesets, rules and their errors; domains over files, fork, threads and exec.
// run: both ; timeout 60s
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "guest.h"

#define CREATE(...) SHOW(syscall(444, __VA_ARGS__))
#define ADD(...) SHOW(syscall(445, __VA_ARGS__))
#define RESTRICT(...) SHOW(syscall(446, __VA_ARGS__))
#define OPENS(path, flags) (fd_ = open(path, flags, 0600), printf("open %s %x: %s\n", path, flags, fd_ < 0 ? errno_name(errno) : "ok"), fd_ < 0 ? -1 : close(fd_))
static int fd_;

struct attr {
  uint64_t files, network, scoped, more;
};

static int ruleset(uint64_t files) {
  struct attr a = {.files = files};
  return (int)syscall(444, &a, 8, 0);
}
static long beneath(int rules, const char* path, uint64_t rights) {
  struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = open(path, O_PATH | O_CLOEXEC)};
  long r = syscall(445, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  close(rule.parent_fd);
  return r;
}

static void arguments(void) {
  struct attr a = {.files = LANDLOCK_ACCESS_FS_READ_FILE};
  SHOW(syscall(444, NULL, 0, 1) > 0);
  CREATE(NULL, 0, 4);
  CREATE(&a, 8, 1);
  CREATE(NULL, 8, 1);
  CREATE(NULL, 8, 0);
  CREATE((void*)8, 8, 0);
  CREATE((void*)-4096l, 8, 0);
  CREATE(&a, 4, 0);
  CREATE(&a, 5000, 0);
  a.files = 1ul << 40;
  CREATE(&a, 8, 0);
  a.files = 0;
  CREATE(&a, 8, 0);
  a.files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
  a.more = 1;
  CREATE(&a, sizeof a, 0);
  a.more = 0;
  int rules = (int)OK(syscall(444, &a, 8, 0));
  printf("%x\n", fcntl(rules, F_GETFD));
  struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE};
  rule.parent_fd = MUST(open("/", O_PATH));
  ADD(rules, 1, &rule, 0);
  ADD(rules, 1, &rule, 1);
  ADD(rules, 7, &rule, 0);
  ADD(rules, 1, NULL, 0);
  ADD(rules, 1, (void*)-4096l, 0);
  ADD(-1, 1, &rule, 0);
  ADD(0, 1, &rule, 0);
  rule.allowed_access = 0;
  ADD(rules, 1, &rule, 0);
  rule.allowed_access = LANDLOCK_ACCESS_FS_MAKE_DIR;
  ADD(rules, 1, &rule, 0);
  rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
  for (int bad = -1; bad < 20000; bad += 4000) {
    if (bad == rules) continue;
    rule.parent_fd = bad;
    ADD(rules, 1, &rule, 0);
  }
  rule.parent_fd = rules;
  ADD(rules, 1, &rule, 0);
  uint64_t port[2] = {1, 80};
  ADD(rules, 2, port, 0);
  RESTRICT(-1, 0);
  RESTRICT(0, 0);
  RESTRICT(rules, 99);
  close(rules);
}

static void* thread_opens(void* path) {
  fd_ = open(path, O_RDONLY);
  printf("thread: %s\n", fd_ < 0 ? errno_name(errno) : "ok");
  return NULL;
}

static void* thread_restricts(void* unused UNUSED) {
  int rules = ruleset(LANDLOCK_ACCESS_FS_READ_FILE);
  RESTRICT(rules, 0);
  OPENS("in/file", O_RDONLY);
  return NULL;
}

static void in_domain(char** argv) {
  MUST(mkdir("in", 0700));
  MUST(mkdir("out", 0700));
  for (int i = 0; i < 2; i++) {
    int fd = MUST(open(i ? "in/file" : "out/file", O_RDWR | O_CREAT, 0600));
    MUST(write(fd, "text", 4));
    MUST(close(fd));
  }
  MUST(symlink("../out/file", "in/link"));
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  pthread_t thread;
  pthread_create(&thread, NULL, thread_restricts, NULL);
  pthread_join(thread, NULL);
  OPENS("in/file", O_RDONLY);
  pid_t pid = MUST(fork());
  if (pid == 0) {
    int before = MUST(open("out/file", O_RDONLY));
    int rules = ruleset(0x1fff);
    SHOW(beneath(rules, "in", 0x1fff));
    SHOW(beneath(rules, "/proc", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR));
    RESTRICT(rules, 0);
    OPENS("in/file", O_RDONLY);
    OPENS("in/file", O_RDWR);
    OPENS("in/new", O_RDWR | O_CREAT);
    OPENS("in/link", O_RDONLY);
    OPENS("out/file", O_RDONLY);
    OPENS("out/file", O_PATH);
    OPENS("out/new", O_RDWR | O_CREAT);
    OPENS("out", O_RDONLY | O_DIRECTORY);
    OPENS("in", O_RDONLY | O_DIRECTORY);
    OPENS("/etc/passwd", O_RDONLY);
    OPENS("/proc/self/status", O_RDONLY);
    OPENS("/proc/self/maps", O_RDONLY);
    OPENS("/proc/self/exe", O_RDONLY);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", before);
    OPENS("/proc/self/fd/0", O_PATH);
    fd_ = open(path, O_RDONLY);
    printf("again: %s\n", fd_ < 0 ? errno_name(errno) : "ok");
    char text[8] = "";
    SHOW(read(before, text, 4));
    SHOW(rename("in/new", "out/new"));
    SHOW(link("in/file", "out/link"));
    SHOW(unlink("out/file"));
    SHOW(unlink("in/new"));
    SHOW(mkdir("out/dir", 0700));
    SHOW(mkdir("in/dir", 0700));
    SHOW(rmdir("in/dir"));
    SHOW(symlink("x", "out/symlink"));
    SHOW(mkfifo("in/fifo", 0600));
    SHOW(chmod("out/file", 0640));
    struct stat status;
    SHOW(stat("out/file", &status));
    SHOW(access("out/file", R_OK));
    int s = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    struct sockaddr_un name = {AF_UNIX, "out/socket"};
    SHOW(bind(s, (void*)&name, sizeof name));
    strcpy(name.sun_path, "in/socket");
    SHOW(bind(s, (void*)&name, sizeof name));
    pthread_create(&thread, NULL, thread_opens, "out/file");
    pthread_join(thread, NULL);
    pid_t child = MUST(fork());
    if (child == 0) {
      OPENS("out/file", O_RDONLY);
      OPENS("in/file", O_RDONLY);
      _exit(0);
    }
    reap("child", child);
    execl(argv[0], argv[0], "no", NULL);
    printf("exec: %s\n", errno_name(errno));
    // A second domain takes more away.
    rules = ruleset(LANDLOCK_ACCESS_FS_WRITE_FILE);
    RESTRICT(rules, 0);
    OPENS("in/file", O_RDWR);
    OPENS("in/file", O_RDONLY);
    _exit(0);
  }
  reap("domain", pid);
  // Programs that may be read but not executed, and that may.
  for (int executes = 0; executes < 2; executes++) {
    pid = MUST(fork());
    if (pid == 0) {
      int rules = ruleset(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE);
      SHOW(beneath(rules, "/", LANDLOCK_ACCESS_FS_READ_FILE));
      if (executes) SHOW(beneath(rules, "/", LANDLOCK_ACCESS_FS_EXECUTE));
      RESTRICT(rules, 0);
      SHOW(access(argv[0], X_OK));
      execl(argv[0], argv[0], "yes", NULL);
      printf("exec: %s\n", errno_name(errno));
      _exit(0);
    }
    reap("reader", pid);
  }
  // Only execution is handled, and of one program.
  pid = MUST(fork());
  if (pid == 0) {
    int rules = ruleset(LANDLOCK_ACCESS_FS_EXECUTE);
    SHOW(beneath(rules, argv[0], LANDLOCK_ACCESS_FS_EXECUTE));
    SHOW(beneath(rules, "/lib64", LANDLOCK_ACCESS_FS_EXECUTE));
    SHOW(beneath(rules, "/usr/lib", LANDLOCK_ACCESS_FS_EXECUTE));
    RESTRICT(rules, 0);
    execl("/bin/true", "true", NULL);
    printf("exec: %s\n", errno_name(errno));
    execl(argv[0], argv[0], "again", NULL);
    _exit(1);
  }
  reap("one program", pid);
}

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("-- executed: %s\n", argv[1]);
    if (strcmp(argv[1], "again") != 0) return 0;
    execl("/bin/true", "true", NULL);
    printf("exec: %s\n", errno_name(errno));
    pid_t pid = vfork();
    if (pid == 0) {
      execl("/bin/true", "true", NULL);
      _exit(errno == EACCES ? 7 : 8);
    }
    reap("vfork", pid);
    execl(argv[0], argv[0], "last", NULL);
    return 1;
  }
  argv[0] = realpath(argv[0], NULL);
  scratch();
  // Before Linux 6.14, which AT_EXECVE_CHECK came with, guests have no Landlock (docs/syscalls.md).
  if (syscall(SYS_execveat, -1, "", NULL, NULL, AT_EMPTY_PATH | 0x10000) == 0 || errno != EBADF) {
    printf("Landlock: not on a kernel as old as this\n");
    return 0;
  }
  if (syscall(444, NULL, 0, 1) < 0) {
    printf("landlock: %s\n", errno_name(errno));
    return 0;
  }
  arguments();
  in_domain(argv);
  return 0;
}
