// Shows: hard and symbolic links, readlink, loops, O_NOFOLLOW, O_PATH, unlinked files that stay open, the *at calls.
#include "guest.h"

int main(void) {
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  MUST(write(fd, "content", 7));
  SHOW(link("file", "hard"));
  SHOW(symlink("file", "soft"));
  SHOW(symlink("missing", "dangling"));
  SHOW(symlink("loop", "loop"));
  struct stat a, b;
  MUST(stat("file", &a));
  MUST(stat("hard", &b));
  CHECK(a.st_ino == b.st_ino && b.st_nlink == 2);
  MUST(lstat("soft", &b));
  CHECK(S_ISLNK(b.st_mode) && b.st_size == 4);
  char text[64] = "";
  SHOW(readlink("soft", text, sizeof text));
  puts(text);
  SHOW(readlink("soft", text, 2));
  SHOW(readlink("soft", text, 0));
  SHOW(readlink("file", text, sizeof text));
  SHOW(readlink("soft", (char*)8, 10));
  SHOW(open("dangling", O_RDONLY));
  SHOW(open("loop", O_RDONLY));
  SHOW(open("soft", O_RDONLY | O_NOFOLLOW));
  int path = OK(open("soft", O_PATH | O_NOFOLLOW));
  SHOW(readlinkat(path, "", text, sizeof text));
  SHOW(read(path, text, 1));
  SHOW(fstat(path, &b));
  CHECK(S_ISLNK(b.st_mode));
  SHOW(unlink("file"));
  SHOW(unlink("hard"));
  SHOW(open("soft", O_RDONLY));
  SHOW(pread(fd, text, 7, 0));
  MUST(fstat(fd, &a));
  CHECK(a.st_nlink == 0);
  SHOW(mkdir("dir", 0700));
  int dir = OK(open("dir", O_RDONLY | O_DIRECTORY));
  int in = OK(openat(dir, "inside", O_RDWR | O_CREAT, 0600));
  SHOW(write(in, "abc", 3));
  SHOW(fstatat(dir, "inside", &a, 0));
  printf("size %ld\n", a.st_size);
  SHOW(linkat(dir, "inside", AT_FDCWD, "outside", 0));
  SHOW(symlinkat("inside", dir, "link"));
  SHOW(readlinkat(dir, "link", text, sizeof text));
  SHOW(mkdirat(dir, "sub", 0700));
  SHOW(unlinkat(dir, "sub", 0));
  SHOW(unlinkat(dir, "sub", AT_REMOVEDIR));
  SHOW(renameat(dir, "inside", AT_FDCWD, "moved"));
  SHOW(faccessat(dir, "inside", F_OK, 0));
  SHOW(faccessat(AT_FDCWD, "moved", R_OK, AT_EACCESS));
  SHOW(fchmodat(AT_FDCWD, "moved", 0444, 0));
  SHOW(openat(99, "x", O_RDONLY));
  SHOW(openat(in, "x", O_RDONLY));
  SHOW(mknodat(dir, "fifo", S_IFIFO | 0600, 0));
  SHOW(fstatat(dir, "fifo", &a, 0));
  CHECK(S_ISFIFO(a.st_mode));
  int temporary = open(".", O_TMPFILE | O_RDWR, 0600);
  if (temporary >= 0) {
    MUST(write(temporary, "tmp", 3));
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", temporary);
    SHOW(linkat(AT_FDCWD, proc, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
    SHOW(stat("linked", &a));
  }
  return guest_failed();
}
