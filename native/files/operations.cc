#include "files/operations.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/config.h"

namespace barchan::files {
namespace {

using sandbox::kPathMax;

constexpr u64 kPathOnly = 010000000;  // O_PATH
constexpr u64 kResolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
constexpr i64 kNanoseconds = 1000000000;

Fd open_in(int root, const char* path, u64 flags, u64 mode) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = kResolve;
  // EAGAIN: something was renamed while a link was followed.
  for (int tries = 0;; tries++) {
    const i64 fd = host::call(__NR_openat2, root, path, &how, sizeof how);
    if (fd != -EAGAIN || tries == 100) return Fd(fd);
  }
}

i64 time_of(const statx_timestamp& time) { return time.tv_sec * kNanoseconds + time.tv_nsec; }

i64 stat_of(int fd, struct statx& s) {
  return host::call(__NR_statx, fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &s);
}

}  // namespace

i64 Place::find(int root, const char* path) {
  const i64 start = split_path(path, name);
  if (start < 0) return start;
  char above[kPathMax];
  memcpy(above, path, static_cast<size_t>(start));
  above[start] = 0;
  if (start == 0) memcpy(above, "/", 2);
  folder = open_in(root, above, kPathOnly | O_DIRECTORY, 0);
  return folder.error();
}

i64 read_status(int fd, abi::FileStatus& status) {
  struct statx s;
  if (const i64 r = stat_of(fd, s); r < 0) return r;
  status = {s.stx_mode,
            s.stx_nlink,
            s.stx_uid,
            s.stx_gid,
            s.stx_size,
            s.stx_ino,
            time_of(s.stx_atime),
            time_of(s.stx_mtime),
            time_of(s.stx_ctime),
            (s.stx_mask & STATX_BTIME) != 0 ? time_of(s.stx_btime) : time_of(s.stx_ctime)};
  return 0;
}

Fd open_file(int root, const char* path, u32 flags, u32 mode) {
  const bool read = (flags & abi::kFileRead) != 0, write = (flags & abi::kFileWrite) != 0;
  // Without waiting for the other end of a FIFO or for a lease, and without a terminal becoming ours.
  u64 how = (read && write ? O_RDWR : write ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY;
  if (flags & abi::kFileCreate) how |= O_CREAT;
  if (flags & abi::kFileExclusive) how |= O_EXCL;
  if (flags & abi::kFileAppend) how |= O_APPEND;
  if (flags & abi::kFileNoFollow) how |= O_NOFOLLOW;
  Fd file = open_in(root, path, how, (flags & abi::kFileCreate) != 0 ? mode & 0777 : 0);
  if (!file.ok()) return file;
  struct statx s;
  if (const i64 r = stat_of(file.get(), s); r < 0) return Fd(r);
  if ((s.stx_mode & S_IFMT) == S_IFDIR) return Fd(-EISDIR);
  if ((s.stx_mode & S_IFMT) != S_IFREG) return Fd(-i64{abi::kFileNotRegular});
  // Only now, so that nothing but a file is ever cut.
  if (flags & abi::kFileTruncate)
    if (const i64 r = host::call(__NR_ftruncate, file.get(), 0); r < 0) return Fd(r);
  return file;
}

i64 status_of(int root, const char* path, u32 flags, abi::FileStatus& status) {
  Fd file = open_in(root, path, kPathOnly | ((flags & abi::kFileNoFollow) != 0 ? O_NOFOLLOW : 0), 0);
  return file.ok() ? read_status(file.get(), status) : file.error();
}

Fd open_folder(int root, const char* path) {
  return open_in(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
}

i64 make_folder(int root, const char* path, u32 flags, u32 mode) {
  Place place;
  i64 r = place.find(root, path);
  if (r == -EBUSY) return (flags & abi::kFileRecursive) != 0 ? 0 : -EEXIST;
  if (r == -ENOENT && (flags & abi::kFileRecursive) != 0) {
    char above[kPathMax];
    size_t end = strlen(path);
    if (end >= kPathMax) return -ENAMETOOLONG;
    while (end > 1 && path[end - 1] == '/') end--;
    while (end > 1 && path[end - 1] != '/') end--;
    while (end > 1 && path[end - 1] == '/') end--;
    memcpy(above, path, end);
    above[end] = 0;
    Fd made = sandbox::make_in(root, above, false);
    if (!made.ok()) return made.error();
    r = place.find(root, path);
  }
  if (r < 0) return r;
  r = host::call(__NR_mkdirat, place.folder.get(), place.name, mode & 01777);
  if (r != -EEXIST || (flags & abi::kFileRecursive) == 0) return r;
  Fd there = open_in(root, path, kPathOnly, 0);
  return there.ok() && sandbox::is_folder(there.get()) ? 0 : -EEXIST;
}

i64 rename(int root, const char* from, const char* to, u32 flags) {
  Place source, target;
  if (const i64 r = source.find(root, from); r < 0) return r;
  if (const i64 r = target.find(root, to); r < 0) return r;
  return host::call(__NR_renameat2, source.folder.get(), source.name, target.folder.get(), target.name,
                    (flags & abi::kFileExclusive) != 0 ? u64{RENAME_NOREPLACE} : u64{0});
}

i64 read_link(int root, const char* path, char* to, size_t size) {
  Place place;
  if (const i64 r = place.find(root, path); r < 0) return r;
  return host::call(__NR_readlinkat, place.folder.get(), place.name, to, size);
}

i64 make_link(int root, const char* path, const char* target) {
  Place place;
  if (const i64 r = place.find(root, path); r < 0) return r;
  return host::call(__NR_symlinkat, target, place.folder.get(), place.name);
}

}  // namespace barchan::files
