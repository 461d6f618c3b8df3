// Shows: openat2 with each RESOLVE flag over links of every kind, mounts, dots and magic links; its structure's sizes; statx of every kind of object with every flag and mask.
// run: both ; timeout 60s
#include <linux/openat2.h>
#include <sys/socket.h>

#include "guest.h"

static void one(int directory, const char* path, unsigned long flags, unsigned long mode, unsigned long resolve) {
  struct open_how how = {flags, mode, resolve};
  const int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
  struct stat st = {0};
  if (fd >= 0) MUST(fstat(fd, &st));
  printf(" %s", fd < 0 ? errno_name(errno) : S_ISDIR(st.st_mode) ? "dir" : S_ISREG(st.st_mode) ? "file" : S_ISLNK(st.st_mode) ? "link" : "other");
  if (fd >= 0) close(fd);
}

static void resolving(int directory) {
  static const char* kPaths[] = {"file", "dir/file", "dir/../file", "../top/file", "../..", "..", ".", "", "/", "/dir/file", "/dev/null", "/proc/version", "link", "linked/file", "linked/../file",
                                 "absolute", "up", "loop", "dangling", "dir/up", "dir/up/file", "magic", "missing", "file/", "link/", "file/x", "dir/", "/proc/self/exe", "/proc/self/cwd/file", "/proc/self/fd/0"};
  static const unsigned long kResolve[] = {0, RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_BENEATH | RESOLVE_IN_ROOT, RESOLVE_BENEATH | RESOLVE_NO_XDEV, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, 0x40};
  static const unsigned long kFlags[] = {O_RDONLY | O_NONBLOCK, O_PATH, O_PATH | O_NOFOLLOW, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, O_RDONLY | O_DIRECTORY, O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK};
  for (unsigned p = 0; p < sizeof kPaths / sizeof *kPaths; p++)
    for (unsigned f = 0; f < sizeof kFlags / sizeof *kFlags; f++) {
      printf("%s %lx:", kPaths[p], kFlags[f]);
      for (unsigned r = 0; r < sizeof kResolve / sizeof *kResolve; r++) {
        one(directory, kPaths[p], kFlags[f], kFlags[f] & O_CREAT ? 0600 : 0, kResolve[r]);
        // What was made by it, under the root or the directory.
        if (kFlags[f] & O_CREAT) unlinkat(directory, "missing", 0);
      }
      printf("\n");
    }
}

static void structures(int directory) {
  struct {
    struct open_how how;
    char more[5000];
  } big = {.how = {O_RDONLY, 0, 0}};
  static const size_t kSizes[] = {0, 1, 8, 16, 23, 24, 25, 32, 4096, 4097, 5000, (size_t)-1};
  for (unsigned i = 0; i < sizeof kSizes / sizeof *kSizes; i++) {
    const long fd = syscall(SYS_openat2, directory, "file", &big, kSizes[i]);
    printf("size %zu: %s\n", kSizes[i], fd < 0 ? errno_name(errno) : "ok");
    if (fd >= 0) close((int)fd);
  }
  big.more[0] = 1;
  SHOW(syscall(SYS_openat2, directory, "file", &big, 25));
  SHOW(syscall(SYS_openat2, directory, "file", &big, 24) >= 0);
  SHOW(syscall(SYS_openat2, directory, "file", 8, 24));
  SHOW(syscall(SYS_openat2, directory, 8, &big, 24));
  SHOW(syscall(SYS_openat2, directory, 8, 8, 24));
  SHOW(syscall(SYS_openat2, directory, -4096l, &big, 23));
  SHOW(syscall(SYS_openat2, 99, "file", &big, 24));
  SHOW(syscall(SYS_openat2, 20010, "file", &big, 24));
  SHOW(syscall(SYS_openat2, 20010, "/proc/version", &big, 24) >= 0);
  SHOW(syscall(SYS_openat2, 99, "/proc/version", &big, 24) >= 0);
  SHOW(syscall(SYS_openat, 20010, "/proc/version", 0) >= 0);
  SHOW(syscall(SYS_openat, 99, "/proc/version", 0) >= 0);
  big.how.resolve = RESOLVE_IN_ROOT;
  SHOW(syscall(SYS_openat2, 20010, "/proc/version", &big, 24));
  big.how.resolve = RESOLVE_BENEATH;
  SHOW(syscall(SYS_openat2, 20010, "/proc/version", &big, 24));
  big.how.resolve = 0;
  SHOW(syscall(SYS_openat, 20010, "", 0));
  SHOW(syscall(SYS_openat, 20010, "file", 0));
  SHOW(syscall(SYS_openat, 20010, "/proc/self/fd/20010", 0));
  for (int bad = 0; bad < 2; bad++) {
    const pid_t child = MUST(fork());
    char* arguments[] = {"true", NULL};
    if (child == 0) {
      syscall(SYS_execveat, bad ? 99 : 20010, "/bin/true", arguments, arguments + 1, 0);
      _exit(errno);
    }
    reap("absolute", child);
  }
  SHOW(syscall(SYS_execveat, 20010, "true", NULL, NULL, 0));
  SHOW(syscall(SYS_execveat, 20010, "", NULL, NULL, AT_EMPTY_PATH));
  static const unsigned long kFlags[] = {O_TMPFILE, O_TMPFILE | O_RDWR, O_TMPFILE | O_RDWR | O_CREAT, O_CREAT | O_DIRECTORY, O_PATH | O_RDWR, O_PATH | O_CREAT, O_PATH | O_CLOEXEC | O_DIRECTORY, 3, 1ul << 40, O_CREAT};
  for (unsigned f = 0; f < sizeof kFlags / sizeof *kFlags; f++)
    for (unsigned long mode = 0; mode < 040000; mode = mode ? mode * 16 + 07 : 07) {
      printf("flags %lx mode %lo:", kFlags[f], mode);
      one(directory, ".", kFlags[f], mode, 0);
      one(directory, "file", kFlags[f], mode, RESOLVE_CACHED);
      one(directory, "file", kFlags[f], mode, 0);
      printf("\n");
    }
}

static void show_statx(const char* name, int fd, const char* path, int flags) {
  static const unsigned kMasks[] = {0, STATX_TYPE, STATX_SIZE, STATX_BASIC_STATS, STATX_ALL, 0x7fffffff, STATX_BTIME, STATX_MNT_ID, STATX_DIOALIGN, 0x80000000};
  printf("%s %x:", name, flags);
  for (unsigned m = 0; m < sizeof kMasks / sizeof *kMasks; m++) {
    struct statx x;
    memset(&x, 0x55, sizeof x);
    const long r = syscall(SYS_statx, fd, path, flags, kMasks[m], &x);
    if (r < 0) printf(" %s", errno_name(errno));
    else printf(" %x/%o/%lx", x.stx_mask, x.stx_mode, (unsigned long)(x.stx_attributes_mask));
  }
  printf("\n");
}

static void status(int directory) {
  int pipes[2], sockets[2];
  MUST(pipe(pipes));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
  const int file = MUST(openat(directory, "file", O_RDONLY)), path = MUST(openat(directory, "link", O_PATH | O_NOFOLLOW)), memory = MUST(memfd_create("m", 0));
  static const int kFlags[] = {0, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, 0x8000, -1};
  for (unsigned f = 0; f < sizeof kFlags / sizeof *kFlags; f++) {
    show_statx("file", directory, "file", kFlags[f]);
    show_statx("link", directory, "link", kFlags[f]);
    show_statx("dangling", directory, "dangling", kFlags[f]);
    show_statx("empty", file, "", kFlags[f]);
    show_statx("null", file, NULL, kFlags[f]);
    show_statx("link itself", path, "", kFlags[f]);
    show_statx("pipe", pipes[0], "", kFlags[f]);
    show_statx("socket", sockets[0], "", kFlags[f]);
    show_statx("memfd", memory, "", kFlags[f]);
    show_statx("here", AT_FDCWD, "", kFlags[f]);
    show_statx("device", AT_FDCWD, "/dev/null", kFlags[f]);
    show_statx("proc", AT_FDCWD, "/proc/version", kFlags[f]);
    show_statx("closed", 99, "", kFlags[f]);
    show_statx("private", 20010, "", kFlags[f]);
    show_statx("bad path", directory, (char*)8, kFlags[f]);
  }
  SHOW(syscall(SYS_statx, directory, "file", 0, STATX_ALL, NULL));
  SHOW(syscall(SYS_statx, directory, "file", 0, STATX_ALL, 8));
  SHOW(syscall(SYS_statx, directory, "missing", 0, STATX_ALL, 8));
  SHOW(syscall(SYS_statx, directory, "file", 0, STATX_ALL, -4096l));
}

int main(void) {
  for (int i = 3; i < 256; i++) close(i);
  scratch();
  MUST(mkdir("top", 0700));
  MUST(chdir("top"));
  MUST(close(MUST(open("file", O_CREAT | O_WRONLY, 0640))));
  MUST(mkdir("dir", 0700));
  MUST(close(MUST(open("dir/file", O_CREAT | O_WRONLY, 0600))));
  MUST(symlink("file", "link"));
  MUST(symlink("dir", "linked"));
  MUST(symlink("/dev/null", "absolute"));
  MUST(symlink("../top/file", "up"));
  MUST(symlink("..", "dir/up"));
  MUST(symlink("loop", "loop"));
  MUST(symlink("nowhere", "dangling"));
  MUST(symlink("/proc/self/cwd", "magic"));
  const int directory = MUST(open(".", O_RDONLY | O_DIRECTORY));
  resolving(directory);
  structures(directory);
  status(directory);
  return guest_failed();
}
