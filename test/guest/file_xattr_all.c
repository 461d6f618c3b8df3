// Shows: extended attributes by every call on every kind of file system and file there is: names, sizes, flags, lists, the at-calls of Linux 6.13, and the errors in order.
// run: both ; timeout 60s
#include <sys/socket.h>
#include <sys/xattr.h>

#include "guest.h"

struct xattr_args {
  uint64_t value;
  uint32_t size, flags;
};
enum { kSet = 463, kGet, kList, kRemove };

static int compare(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

static void list(const char* what, char* names, long size) {
  char* sorted[64];
  int count = 0;
  if (size < 0) {
    printf("%s: %s\n", what, errno_name(errno));
    return;
  }
  for (long at = 0; at < size && count < 64; at += (long)strlen(names + at) + 1) sorted[count++] = names + at;
  qsort(sorted, (size_t)count, sizeof *sorted, compare);
  printf("%s: %ld", what, size);
  for (int i = 0; i < count; i++) printf(" %s", sorted[i]);
  printf("\n");
}

static void result(const char* what, long r) { printf(" %s%s%.0ld", what, r < 0 ? errno_name(errno) : "ok", r < 0 ? 0 : r); }

// Everything with one object, by path and by descriptor.
static void object(const char* name, const char* path, int fd) {
  static const char* kNames[] = {"user.a", "user.b", "user.", "user", "", "trusted.x", "security.x", "system.x", "system.posix_acl_access", "other.x", "usera", "security.capability", "security.selinux"};
  char text[256], long_name[300] = "user.";
  printf("== %s\n", name);
  for (unsigned i = 0; i < sizeof kNames / sizeof *kNames; i++) {
    printf("%s:", kNames[i]);
    result("set ", setxattr(path, kNames[i], "value", 5, 0));
    result("lset ", lsetxattr(path, kNames[i], "val", 3, 0));
    result("fset ", fsetxattr(fd, kNames[i], "v", 1, 0));
    result("get ", getxattr(path, kNames[i], text, sizeof text));
    result("lget ", lgetxattr(path, kNames[i], text, sizeof text));
    result("fget ", fgetxattr(fd, kNames[i], text, sizeof text));
    result("remove ", removexattr(path, kNames[i]));
    result("lremove ", lremovexattr(path, kNames[i]));
    result("fremove ", fremovexattr(fd, kNames[i]));
    printf("\n");
  }
  memset(long_name + 5, 'n', sizeof long_name - 6);
  SHOW(setxattr(path, long_name, "x", 1, 0));
  SHOW(getxattr(path, long_name, text, 10));
  long_name[256] = 0;
  SHOW(setxattr(path, long_name, "x", 1, 0));
  long_name[255] = 0;
  SHOW(setxattr(path, long_name, "x", 1, 0));
  SHOW(removexattr(path, long_name));
  SHOW(setxattr(path, "user.a", "value", 5, XATTR_REPLACE));
  SHOW(setxattr(path, "user.a", "value", 5, XATTR_CREATE));
  SHOW(setxattr(path, "user.a", "value", 5, XATTR_CREATE));
  SHOW(setxattr(path, "user.a", "other", 5, XATTR_REPLACE));
  SHOW(setxattr(path, "user.a", "other", 5, XATTR_REPLACE | XATTR_CREATE));
  SHOW(setxattr(path, "user.a", "other", 5, 4));
  SHOW(setxattr(path, "user.b", "", 0, 0));
  SHOW(setxattr(path, "user.b", NULL, 0, 0));
  SHOW(setxattr(path, "user.c", NULL, 5, 0));
  SHOW(setxattr(path, "user.c", (char*)8, 5, 0));
  SHOW(setxattr(path, "user.c", (char*)-4096l, 5, 0));
  SHOW(setxattr(path, "user.c", "x", 65537, 0));
  SHOW(setxattr(path, "user.c", (char*)8, 65537, 0));
  SHOW(setxattr(path, "user.c", "x", (size_t)-1, 0));
  SHOW(setxattr(path, (char*)8, "x", 1, 0));
  SHOW(setxattr(path, NULL, "x", 1, 0));
  SHOW(setxattr(path, (char*)-4096l, "x", 1, 8));
  SHOW(getxattr(path, "user.a", NULL, 0));
  SHOW(getxattr(path, "user.a", text, 3));
  SHOW(getxattr(path, "user.a", NULL, 5));
  SHOW(getxattr(path, "user.a", (char*)8, 5));
  SHOW(getxattr(path, "user.a", (char*)-4096l, 1 << 20));
  SHOW(getxattr(path, "user.a", text, 0));
  SHOW(getxattr(path, (char*)8, text, 5));
  SHOW(listxattr(path, NULL, 0));
  SHOW(listxattr(path, text, 3));
  SHOW(listxattr(path, (char*)8, 100));
  SHOW(listxattr(path, (char*)-4096l, 100));
  list("list", text, listxattr(path, text, sizeof text));
  list("llist", text, llistxattr(path, text, sizeof text));
  list("flist", text, flistxattr(fd, text, sizeof text));
  SHOW(removexattr(path, "user.none"));
  SHOW(removexattr(path, "user.a"));
  SHOW(fremovexattr(fd, "user.b"));
}

static void at_calls(int directory) {
  char text[256];
  struct xattr_args args = {(uint64_t)(uintptr_t) "value", 5, 0};
  struct {
    struct xattr_args args;
    uint64_t more;
  } longer = {args, 0};
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, sizeof args));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, 0));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, 15));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &longer, sizeof longer));
  longer.more = 1;
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &longer, sizeof longer));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, 4097));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", (void*)8, 16));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", (void*)-4096l, 16));
  for (int bit = 0; bit < 20; bit++) {
    args = (struct xattr_args){(uint64_t)(uintptr_t)text, sizeof text, 0};
    printf("flag %x:", 1 << bit);
    result("get ", syscall(kGet, directory, "file", 1 << bit, "user.at", &args, sizeof args));
    result("list ", syscall(kList, directory, "file", 1 << bit, text, sizeof text));
    args = (struct xattr_args){(uint64_t)(uintptr_t) "v", 1, 0};
    result("set ", syscall(kSet, directory, "file", 1 << bit, "user.at", &args, sizeof args));
    result("remove ", syscall(kRemove, directory, "file", 1 << bit, "user.none"));
    printf("\n");
  }
  const int file = MUST(open("file", O_RDONLY)), path = MUST(open("file", O_PATH));
  const int fds[] = {file, path, directory, AT_FDCWD, 99, 20010};
  for (unsigned i = 0; i < 6; i++)
    for (int named = 0; named < 4; named++) {
      const char* name = named == 0 ? "" : named == 1 ? NULL : named == 2 ? "file" : (char*)8;
      printf("fd %u path %d:", i, named);
      args = (struct xattr_args){(uint64_t)(uintptr_t)text, sizeof text, 0};
      result("get ", syscall(kGet, fds[i], name, AT_EMPTY_PATH, "user.at", &args, sizeof args));
      result("list ", syscall(kList, fds[i], name, AT_EMPTY_PATH, text, sizeof text));
      args = (struct xattr_args){(uint64_t)(uintptr_t) "v", 1, 0};
      result("set ", syscall(kSet, fds[i], name, AT_EMPTY_PATH, "user.at", &args, sizeof args));
      result("remove ", syscall(kRemove, fds[i], name, AT_EMPTY_PATH, "user.at"));
      result("set ", syscall(kSet, fds[i], name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, "user.at", &args, sizeof args));
      printf("\n");
    }
  args = (struct xattr_args){(uint64_t)(uintptr_t)text, sizeof text, 1};
  SHOW(syscall(kGet, directory, "file", 0, "user.at", &args, sizeof args));
  args = (struct xattr_args){8, 5, 0};
  SHOW(syscall(kGet, directory, "file", 0, "user.at", &args, sizeof args));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, sizeof args));
  args = (struct xattr_args){(uint64_t)-4096, 5, 0};
  SHOW(syscall(kGet, directory, "file", 0, "user.at", &args, sizeof args));
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, sizeof args));
  args = (struct xattr_args){(uint64_t)(uintptr_t) "v", 1, 7};
  SHOW(syscall(kSet, directory, "file", 0, "user.at", &args, sizeof args));
  close(file);
  close(path);
}

int main(void) {
  for (int i = 3; i < 256; i++) close(i);
  scratch();
  if (geteuid() == 0) {
    MUST(chmod(".", 0777));
    MUST(setresgid(65534, 65534, 65534));
    MUST(setresuid(65534, 65534, 65534));
  }
  close(MUST(open("file", O_CREAT | O_RDWR, 0600)));
  MUST(mkdir("dir", 0700));
  MUST(symlink("file", "link"));
  MUST(symlink("nowhere", "dangling"));
  MUST(mkfifo("fifo", 0600));
  close(MUST(open("readonly", O_CREAT | O_RDWR, 0400)));
  int fd;
  object("file", "file", fd = MUST(open("file", O_RDWR)));
  close(fd);
  object("directory", "dir", fd = MUST(open("dir", O_RDONLY)));
  close(fd);
  object("symbolic link", "link", fd = MUST(open("link", O_PATH | O_NOFOLLOW)));
  close(fd);
  object("dangling link", "dangling", 99);
  object("fifo", "fifo", fd = MUST(open("fifo", O_RDWR)));
  close(fd);
  object("read-only file", "readonly", fd = MUST(open("readonly", O_RDONLY)));
  close(fd);
  object("missing", "missing", -1);
  object("no directory", "file/x", 20010);
  object("another's", "/etc/passwd", fd = MUST(open("/etc/passwd", O_RDONLY)));
  close(fd);
  object("device", "/dev/null", fd = MUST(open("/dev/null", O_RDWR)));
  close(fd);
  object("proc", "/proc/version", fd = MUST(open("/proc/version", O_RDONLY)));
  close(fd);
  char name[64];
  fd = MUST(memfd_create("m", 0));
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  object("memfd", name, fd);
  close(fd);
  int pipes[2], sockets[2];
  MUST(pipe(pipes));
  object("pipe", "file", pipes[0]);
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
  object("socket", "file", sockets[0]);
  at_calls(MUST(open(".", O_RDONLY | O_DIRECTORY)));
  snprintf(name, sizeof name, "/dev/shm/barchan-xattr-%d", getpid());
  fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (fd >= 0) object("shared memory", name, fd);
  if (fd >= 0) unlink(name);
  return guest_failed();
}
