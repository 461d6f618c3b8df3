// Shows: calls that change or describe what a path leads to, through links of procfs too, reach the program's own objects only.
// run: both ; timeout 60s
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "guest.h"

static char handle[256];

static void all(const char* path) {
  char text[64];
  struct statfs fs;
  int mount;
  int notify = MUST(inotify_init());
  SHOW(access(path, F_OK));
  SHOW(faccessat(AT_FDCWD, path, R_OK, 0));
  SHOW(syscall(439 /* faccessat2 */, AT_FDCWD, path, F_OK, AT_EACCESS));
  SHOW(chmod(path, 0700));
  SHOW(syscall(452 /* fchmodat2 */, AT_FDCWD, path, 0750, 0));
  SHOW(chown(path, -1, -1));
  SHOW(fchownat(AT_FDCWD, path, -1, -1, 0));
  SHOW(statfs(path, &fs));
  SHOW(utimensat(AT_FDCWD, path, NULL, 0));
  SHOW(utime(path, NULL));
  SHOW(utimes(path, (struct timeval[2]){{5, 6}, {7, 8}}));
  SHOW(setxattr(path, "user.one", "1", 1, 0));
  SHOW(getxattr(path, "user.one", text, sizeof text));
  SHOW(listxattr(path, text, sizeof text) > 0);
  SHOW(removexattr(path, "user.one"));
  SHOW(inotify_add_watch(notify, path, IN_ATTRIB) > 0);
  *(unsigned*)handle = 128;
  OK(syscall(SYS_name_to_handle_at, AT_FDCWD, path, handle, &mount, AT_SYMLINK_FOLLOW) < 0 &&
             errno != EOPNOTSUPP
         ? -1
         : 0);
  SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW));
  struct stat st;
  if (stat("linked", &st) == 0) printf("linked: mode %o, links %d\n", st.st_mode, (int)st.st_nlink);
  SHOW(unlink("linked"));
  close(notify);
}

int main(int argc, char** argv) {
  struct rlimit limit;
  char path[64];
  struct stat st;
  if (argc > 1) {  // the copy: a change by /proc/self/exe is a change of the program
    puts("== exe");
    all("/proc/self/exe");
    MUST(symlink("/proc/self/exe", "exe-link"));
    SHOW(chmod("exe-link", 0711));
    MUST(stat("program", &st));
    printf("mode %o\n", st.st_mode & 07777);
    return 0;
  }
  scratch();
  for (int i = 3; i < 256; i++) close(i);
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0644));
  MUST(symlink("file", "link"));
  MUST(symlink("nowhere", "dangling"));
  MUST(symlink("loop", "loop"));
  const char* ordinary[] = {"file",      "link", "dangling",        "loop", "file/",
                            "none/none", "",     "/proc/self/fd/3", "."};
  for (unsigned i = 0; i < sizeof ordinary / sizeof *ordinary; i++) {
    printf("== %s\n", ordinary[i]);
    all(ordinary[i]);
  }
  // Past the guest's numbers there is nothing.
  MUST(getrlimit(RLIMIT_NOFILE, &limit));
  for (unsigned i = 0; i < 12; i++) {
    snprintf(path, sizeof path, "/proc/self/fd/%lu", (unsigned long)limit.rlim_max + i);
    puts("== past the limit");
    all(path);
    unlink("past");
    MUST(symlink(path, "past"));
    if (access("past", F_OK) == 0 && i == 0) puts("there is something");
    SHOW(chmod("past", 0700));
    SHOW(linkat(AT_FDCWD, "past", AT_FDCWD, "taken", AT_SYMLINK_FOLLOW));
    SHOW(setxattr("past", "user.two", "1", 1, 0));
  }
  puts("== descriptors and flags");
  SHOW(fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
  SHOW(fchownat(fd, "", -1, -1, 0));
  SHOW(fchownat(AT_FDCWD, "link", -1, -1, AT_SYMLINK_NOFOLLOW));
  SHOW(fchownat(AT_FDCWD, "link", -1, -1, 0x40000000));
  SHOW(fchownat(99, "link", -1, -1, 0));
  SHOW(fchownat(fd, "link", -1, -1, 0));
  SHOW(syscall(452, fd, "", 0600, AT_EMPTY_PATH));
  SHOW(syscall(452, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
  SHOW(syscall(452, AT_FDCWD, "link", 0600, 1));
  SHOW(syscall(SYS_utimensat, fd, NULL, NULL, 0));
  SHOW(syscall(SYS_utimensat, fd, NULL, NULL, AT_SYMLINK_NOFOLLOW));
  SHOW(syscall(SYS_utimensat, AT_FDCWD, "link", NULL, AT_SYMLINK_NOFOLLOW));
  SHOW(syscall(SYS_utimensat, AT_FDCWD, "none", 8, 0));
  SHOW(syscall(SYS_utimensat, AT_FDCWD, 8, NULL, 0));
  SHOW(syscall(SYS_futimesat, fd, NULL, NULL));
  SHOW(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
  SHOW(syscall(439, fd, "", R_OK, 0x8000));
  SHOW(setxattr("none", "user.x", (void*)8, 4, 0));
  SHOW(setxattr("none", (char*)8, "x", 1, 0));
  SHOW(setxattr((char*)8, "user.x", "x", 1, 0));
  SHOW(setxattr("file", "user.x", "x", 1, 99));
  SHOW(setxattr("file", "", "x", 1, 0));
  SHOW(setxattr("file", "nonsense", "x", 1, 0));
  SHOW(setxattr("file", "user.x", "x", 1 << 20, 0));
  SHOW(lsetxattr("link", "user.x", "x", 1, 0));
  SHOW(linkat(fd, "", AT_FDCWD, "by-fd", 0));
  SHOW(linkat(AT_FDCWD, "link", AT_FDCWD, "second-link", 0));
  SHOW(linkat(AT_FDCWD, "file", AT_FDCWD, "x", 0x40000000));
  int unnamed = OK(open(".", O_TMPFILE | O_RDWR, 0600));
  snprintf(path, sizeof path, "/proc/self/fd/%d", unnamed);
  SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  MUST(stat("named", &st));
  printf("links %d\n", (int)st.st_nlink);
  // A copy of this program, whose mode may change.
  static char bytes[1 << 16];
  int from = MUST(open("/proc/self/exe", O_RDONLY)), to = MUST(open("program", O_WRONLY | O_CREAT, 0755));
  for (long n; (n = read(from, bytes, sizeof bytes)) > 0;) MUST(write(to, bytes, (size_t)n));
  close(from);
  close(to);
  fflush(stdout);
  pid_t child = MUST(fork());
  if (child == 0) {
    execl("./program", "program", "copy", NULL);
    _exit(98);
  }
  reap("copy", child);
  return 0;
}
