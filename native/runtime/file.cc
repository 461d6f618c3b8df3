#include "runtime/file.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/syscall.h"

namespace barchan::runtime {
namespace {

constexpr size_t kPathMax = 4096;
constexpr int kRead = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

struct Entry {  // struct linux_dirent64
  u64 inode;
  i64 offset;
  u16 size;
  u8 type;
  char name[];
};

bool is_dots(const char* name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

}  // namespace

i64 read_file(Arena& arena, i64 directory, const char* path, Slice& content) {
  const i64 fd = host::call(__NR_openat, directory, path, kRead, 0);
  if (fd < 0) return fd;
  struct statx s;
  i64 r = host::call(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE, &s);
  if (r == 0 && (s.stx_mode & S_IFMT) == S_IFDIR) r = -EISDIR;
  if (r == 0 && (s.stx_mode & S_IFMT) == S_IFIFO) r = -EINVAL;
  size_t room = r == 0 ? min<size_t>(s.stx_size, kFileMax) + 4096 : 0, size = 0;
  char* bytes = r == 0 ? static_cast<char*>(arena.get(room)) : nullptr;
  while (r == 0) {
    if (size == room) {  // a file that says 0 about its size, or grows
      char* more = static_cast<char*>(arena.get(2 * room));
      memcpy(more, bytes, size);
      bytes = more;
      room *= 2;
    }
    const i64 n = host::call(__NR_read, fd, bytes + size, room - size);
    if (n == -EINTR) continue;
    if (n == 0) break;
    if (n < 0) r = n;
    if (n > 0) size += static_cast<size_t>(n);
    if (size > kFileMax) r = -EFBIG;
  }
  host::call(__NR_close, fd);
  content = {bytes, size};
  return r;
}

i64 write_file(i64 directory, const char* name, Slice content) {
  const i64 fd =
      host::call(__NR_openat, directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fd;
  i64 r = 0;
  while (r == 0 && content.size != 0) {
    const i64 n = host::call(__NR_write, fd, content.data, content.size);
    if (n == -EINTR) continue;
    if (n > 0) content = content.from(static_cast<size_t>(n));
    if (n <= 0) r = n < 0 ? n : -EIO;
  }
  host::call(__NR_close, fd);
  if (r != 0) host::call(__NR_unlinkat, directory, name, 0);
  return r;
}

bool exists(const char* path) { return exists_in(AT_FDCWD, path); }

bool exists_in(i64 directory, const char* name) {
  struct statx s;
  return host::call(__NR_statx, directory, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &s) == 0;
}

char* read_link(Arena& arena, const char* path) {
  char* target = static_cast<char*>(arena.get(kPathMax));
  const i64 n = host::call(__NR_readlinkat, AT_FDCWD, path, target, kPathMax - 1);
  return n > 0 && n < static_cast<i64>(kPathMax) - 1 ? target : nullptr;
}

char* real_directory(Arena& arena, const char* path, i64& error) {
  const i64 fd = host::call(__NR_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  error = fd;
  if (fd < 0) return nullptr;
  Output link(arena);
  link.add("/proc/self/fd/").dec(fd);
  char* real = read_link(arena, link.string());
  host::call(__NR_close, fd);
  if (real == nullptr || real[0] != '/') {
    error = -ENOENT;
    return nullptr;
  }
  return real;
}

i64 make_directories(const char* path) {
  char buffer[kPathMax];
  const size_t size = strlen(path);
  if (size >= sizeof buffer) return -ENAMETOOLONG;
  memcpy(buffer, path, size + 1);
  for (size_t i = 1; i <= size; i++) {
    if (buffer[i] != '/' && buffer[i] != 0) continue;
    const char end = buffer[i];
    buffer[i] = 0;
    const i64 r = host::call(__NR_mkdirat, AT_FDCWD, buffer, 0700);
    if (r < 0 && r != -EEXIST && !exists(buffer)) return r;
    buffer[i] = end;
  }
  return 0;
}

i64 remove_files(i64 directory) {
  alignas(Entry) char buffer[8192];
  host::call(__NR_lseek, directory, 0, 0);
  for (;;) {
    const i64 n = host::call(__NR_getdents64, directory, buffer, sizeof buffer);
    if (n <= 0) return n;
    for (i64 at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->size;
      if (is_dots(entry->name)) continue;
      const i64 r = host::call(__NR_unlinkat, directory, entry->name, 0);
      if (r < 0 && r != -ENOENT) return r;
    }
  }
}

}  // namespace barchan::runtime
