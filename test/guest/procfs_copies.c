// Shows: descriptors on files of procfs look like files of procfs by every call, tell what is so at each reading from the start,
//        and live on over dup, fork, exec and their process's end as on Linux.
// run: both
#include <linux/magic.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "guest.h"

static const char* const files[] = {"maps",  "smaps", "smaps_rollup", "numa_maps", "stat",
                                    "statm", "sched", "status",       "limits",    "syscall"};
static char text[1 << 16];

static void replace(char* in, const char* what, const char* with) {
  char* at = strstr(in, what);
  if (!at) return;
  char rest[PATH_MAX];
  strcpy(rest, at + strlen(what));
  strcpy(stpcpy(at, with), rest);
}

static void show_link(const char* path) {
  char link[PATH_MAX] = "", number[16];
  SHOW(readlink(path, link, 6));
  if (readlink(path, link, sizeof link - 1) < 0) return;
  snprintf(number, sizeof number, "%d", getpid());
  replace(link, number, "PID");
  puts(link);
}

static void show_stat(const char* how, const struct stat* is, const struct stat* wanted) {
  printf("%s: mode %o, size %ld, links %ld, the file itself: %d\n", how, is->st_mode, (long)is->st_size,
         (long)is->st_nlink, is->st_dev == wanted->st_dev && is->st_ino == wanted->st_ino);
}

static void looks(const char* name) {
  char path[64], magic[64];
  snprintf(path, sizeof path, "/proc/self/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  printf("-- %s\n", name);
  if (fd < 0) {
    printf("%s\n", errno_name(errno));
    return;
  }
  snprintf(magic, sizeof magic, "/proc/self/fd/%d", fd);
  struct stat wanted, is;
  MUST(stat(path, &wanted));
  SHOW(fstat(fd, &is));
  show_stat("fstat", &is, &wanted);
  SHOW(stat(magic, &is));
  show_stat("stat", &is, &wanted);
  SHOW(fstatat(fd, "", &is, AT_EMPTY_PATH));
  show_stat("fstatat", &is, &wanted);
  struct statx extended;
  SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &extended));
  printf("statx: mode %o, size %ld, inode %d\n", extended.stx_mode, (long)extended.stx_size,
         extended.stx_ino == wanted.st_ino);
  struct statfs fs;
  SHOW(fstatfs(fd, &fs));
  printf("type %#lx\n", (long)fs.f_type);
  SHOW(statfs(magic, &fs));
  printf("type %#lx\n", (long)fs.f_type);
  show_link(magic);
  printf("flags %#x\n", fcntl(fd, F_GETFL));
  SHOW(access(magic, W_OK) == 0 || errno == EACCES);
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0);
  SHOW(lseek(fd, 0, SEEK_END));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(ftruncate(fd, 0));
  SHOW(write(fd, "x", 1));
  struct pollfd poll_it = {fd, POLLIN, 0};
  SHOW(poll(&poll_it, 1, 0));
  // Opened again by its link, it is a file of its own.
  int again = OK(open(magic, O_RDONLY));
  char first[8], second[8];
  CHECK(read(fd, first, 8) == 8 && read(again, second, 8) == 8);
  CHECK(!strcmp(name, "syscall") || !memcmp(first, second, 8));
  CHECK(lseek(fd, 0, SEEK_CUR) == 8);
  close(again);
  close(fd);
}

static int has_name(int fd, const char* name, ssize_t (*reader)(int)) {
  memset(text, 0, sizeof text);
  ssize_t n = reader(fd);
  char line[64];
  snprintf(line, sizeof line, "Name:\t%s\n", name);
  if (n <= 0) printf("read: %zd %s\n", n, errno_name(errno));
  return n > 0 && !strncmp(text, line, strlen(line));
}
static ssize_t by_read(int fd) {
  lseek(fd, 0, SEEK_SET);
  return read(fd, text, 512);
}
static ssize_t by_pread(int fd) { return pread(fd, text, 512, 0); }
static ssize_t by_readv(int fd) {
  struct iovec parts[2] = {{text, 3}, {text + 3, 500}};
  lseek(fd, 0, SEEK_SET);
  return readv(fd, parts, 2);
}
static ssize_t by_preadv(int fd) {
  struct iovec parts[2] = {{text, 3}, {text + 3, 500}};
  return preadv(fd, parts, 2, 0);
}
static ssize_t by_preadv2(int fd) {
  struct iovec parts[2] = {{text, 3}, {text + 3, 500}};
  lseek(fd, 0, SEEK_SET);
  return preadv2(fd, parts, 2, -1, 0);
}
static ssize_t by_sendfile(int fd) {
  int ends[2];
  MUST(pipe(ends));
  lseek(fd, 0, SEEK_SET);
  ssize_t n = sendfile(ends[1], fd, NULL, 512);
  if (n > 0) n = read(ends[0], text, 512);
  close(ends[0]);
  close(ends[1]);
  return n;
}
static ssize_t by_splice(int fd) {
  int ends[2];
  MUST(pipe(ends));
  off_t at = 0;
  ssize_t n = splice(fd, &at, ends[1], NULL, 512, 0);
  if (n > 0) n = read(ends[0], text, 512);
  close(ends[0]);
  close(ends[1]);
  return n;
}

int main(int argc, char** argv) {
  if (argc > 2) {  // executed: 3 is status, 4 maps, of the program before; 5 is status of a process that is gone
    CHECK(has_name(3, "exe", by_read));
    SHOW(read(4, text, 64));
    SHOW(pread(5, text, 64, 0));
    show_link("/proc/self/fd/3");
    struct stat is;
    SHOW(fstat(3, &is));
    printf("mode %o, size %ld\n", is.st_mode, (long)is.st_size);
    return guest_failed();
  }
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++) looks(files[i]);

  puts("-- what it reads");
  int status = MUST(open("/proc/self/status", O_RDONLY));
  ssize_t (*const readers[])(int) = {by_read, by_pread, by_readv, by_preadv, by_preadv2, by_sendfile, by_splice};
  for (unsigned i = 0; i < sizeof readers / sizeof *readers; i++) {
    char name[16];
    snprintf(name, sizeof name, "name-%u", i);
    MUST(prctl(PR_SET_NAME, name));
    printf("%u: %d\n", i, has_name(status, name, readers[i]));
  }
  // Made as it is read, not as it is opened.
  int late = MUST(open("/proc/thread-self/status", O_RDONLY));
  MUST(prctl(PR_SET_NAME, "later"));
  CHECK(read(late, text, 16) == 16 && !memcmp(text, "Name:\tlater\n", 12));
  // A part is read on from where it was.
  MUST(prctl(PR_SET_NAME, "changed"));
  CHECK(read(late, text, 6) == 6 && memcmp(text, "Name:", 5));
  int limits = MUST(open("/proc/self/limits", O_RDONLY));
  struct rlimit core = {4096, 8192};
  MUST(setrlimit(RLIMIT_CORE, &core));
  ssize_t n = pread(limits, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = 0;
  CHECK(strstr(text, "Max core file size        4096                 8192                 bytes"));

  puts("-- over fork, exec and end");
  pid_t child = MUST(fork());
  if (!child) pause();
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/status", child);
  int gone = MUST(open(path, O_RDONLY));
  snprintf(path, sizeof path, "/proc/%d/maps", child);
  int gone_maps = MUST(open(path, O_RDONLY));
  CHECK(read(gone, text, 64) > 0);
  CHECK(pread(gone_maps, text, 64, 0) > 0);
  MUST(kill(child, SIGKILL));
  reap("child", child);
  SHOW(pread(gone, text, 64, 0));
  SHOW(pread(gone_maps, text, 64, 0));
  child = MUST(fork());
  if (!child) {
    CHECK(has_name(status, "changed", by_pread));
    int maps = MUST(open("/proc/self/maps", O_RDONLY));
    // Two numbers and no more, whatever they were.
    MUST(dup2(status, 103));
    MUST(dup2(maps, 104));
    MUST(dup2(gone, 105));
    int own = MUST(open("/proc/self/status", O_RDONLY));
    MUST(dup2(own, 3));
    MUST(dup2(104, 4));
    MUST(dup2(105, 5));
    execl("/proc/self/exe", argv[0], "executed", "now", NULL);
    _exit(98);
  }
  reap("executed", child);
  return guest_failed();
}
