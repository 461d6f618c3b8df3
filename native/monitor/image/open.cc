#include "monitor/image/open.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/fds.h"
#include "monitor/start.h"
#include "monitor/syscalls/paths.h"

namespace barchan {
namespace {

constexpr int kRead = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr u32 kExecuteOk = 1;          // X_OK
constexpr u32 kExecveCheck = 0x10000;  // AT_EXECVE_CHECK, Linux 6.14

struct Identity {
  u32 major, minor;
  u64 inode;
  u16 mode;
  bool operator==(const Identity& o) const {
    return major == o.major && minor == o.minor && inode == o.inode;
  }
};

i64 identify(int fd, Identity& id) {
  struct statx s;
  i64 r = host::call(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO, &s);
  if (r < 0) return r;
  id = {s.stx_dev_major, s.stx_dev_minor, s.stx_ino, s.stx_mode};
  return 0;
}

i64 hide(i64 fd) { return fd < 0 ? fd : fd_hide(static_cast<int>(fd)); }

void close(i64 fd) { host::call(__NR_close, fd); }

// The pid in "/proc/PID/exe", 0 for any other path.
i64 pid_of_exe_path(const char* path) {
  if (!starts_with(path, "/proc/")) return 0;
  const char* p = path + 6;
  i64 pid = 0;
  for (; *p >= '0' && *p <= '9' && pid < (i64{1} << 31); p++) pid = pid * 10 + (*p - '0');
  return strcmp(p, "/exe") == 0 ? pid : 0;
}

// The guest program of the monitor that `path` led to: of the process that the path names, else our own.
i64 program_behind(const char* path) {
  i64 pid = pid_of_exe_path(path);
  if (pid == 0 || pid == host::call(__NR_getpid)) return fd_duplicate(private_fd(kFdProgram), false);
  char buffer[64];
  Text link(buffer, sizeof buffer);
  link.str("/proc/").dec(pid).str("/fd/").dec(private_fd(kFdProgram));
  i64 fd = hide(host::call(__NR_openat, AT_FDCWD, link.data(), O_PATH | O_CLOEXEC, 0));
  return fd == -ENOENT ? -EACCES : fd;
}

// A reference to the file, without opening it: a FIFO does not block, a device notices nothing.
i64 reach(int dirfd, const char* path, int flags) {
  if ((flags & AT_EMPTY_PATH) && path[0] == 0) {
    if (dirfd == AT_FDCWD) return -EACCES;  // a directory
    return dirfd < 0 ? -EBADF : fd_duplicate(dirfd, false);
  }
  int follow = flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
  return hide(host::call(__NR_openat, dirfd, path, O_PATH | O_CLOEXEC | follow, 0));
}

// A regular file that may be executed here, by the mode bits, ACLs and mount options.
i64 check_executable(int fd, Identity& id) {
  if (i64 r = identify(fd, id); r < 0) return r;
  if ((id.mode & S_IFMT) == S_IFLNK) return -ELOOP;
  if ((id.mode & S_IFMT) != S_IFREG) return -EACCES;
  const i64 r = host::call(__NR_faccessat2, fd, "", kExecuteOk, AT_EACCESS | AT_EMPTY_PATH);
  if (r < 0) return r;
  // Whether somebody has it open for writing only the kernel knows; before Linux 6.14 it does not tell (EINVAL).
  const char* const arguments[] = {"", nullptr};
  const i64 judged = host::call(__NR_execveat, fd, "", arguments, nullptr, AT_EMPTY_PATH | kExecveCheck);
  return judged == -ETXTBSY || execution_is_restricted() ? judged : 0;
}

// Opens what `reference` refers to for reading. By the path once more where /proc is not mounted.
i64 open_for_reading(int reference, const Identity& expected, int dirfd, const char* path, int flags) {
  char buffer[64];
  Text link(buffer, sizeof buffer);
  link.str("/proc/self/fd/").dec(reference);
  i64 fd = hide(host::call(__NR_openat, AT_FDCWD, link.data(), kRead, 0));
  if (fd != -ENOENT && fd != -ENOTDIR) return fd;
  bool by_descriptor = (flags & AT_EMPTY_PATH) && path[0] == 0;
  fd = by_descriptor ? fd_duplicate(reference, false) : hide(host::call(__NR_openat, dirfd, path, kRead, 0));
  if (fd < 0) return fd;
  Identity found;
  if (identify(static_cast<int>(fd), found) == 0 && found == expected && (found.mode & S_IFMT) == S_IFREG)
    return fd;
  close(fd);
  return -EACCES;  // replaced meanwhile
}

// A private descriptor of this or another monitor, by its name in procfs: it looks absent, as it does to open(2).
// Looked at only for what such a name can lead to, as it costs calls.
bool is_private_name(int reference, const Identity& id, const Identity& monitor, int dirfd,
                     const char* path) {
  if (path[0] == 0) return false;
  struct stat status;
  if (host::call(__NR_fstat, reference, &status) < 0) return false;
  if (!(id == monitor) && !files::is_program(status.st_dev, status.st_ino) &&
      !files::is_private_object(reference, status))
    return false;
  files::GuestPath name;
  return name.assign(path, strlen(path)) == 0 && files::leads_to_private_fd(dirfd, name);
}

}  // namespace

i64 open_program(int dirfd, const char* path, int flags) {
  i64 reference = reach(dirfd, path, flags);
  if (reference < 0) return reference;
  Identity monitor, id;
  i64 r = identify(private_fd(kFdImage), monitor);
  const bool known = r == 0 && identify(static_cast<int>(reference), id) == 0;
  if (known && is_private_name(static_cast<int>(reference), id, monitor, dirfd, path)) {
    close(reference);
    return -ENOENT;
  }
  if (known && id == monitor) {
    close(reference);
    reference = program_behind(path);
    if (reference < 0) return reference;
  }
  if (r == 0) r = check_executable(static_cast<int>(reference), id);
  if (r == 0) r = open_for_reading(static_cast<int>(reference), id, dirfd, path, flags);
  close(reference);
  return r;
}

}  // namespace barchan
