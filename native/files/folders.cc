// Listing folders, and removing them with all that is in them while a guest may change both.
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "files/operations.h"
#include "host/string.h"
#include "host/syscall.h"

namespace barchan::files {
namespace {

struct DirectoryEntry {  // linux_dirent64
  u64 inode;
  i64 offset;
  u16 size;
  u8 type;
  char name[];
};

constexpr int kDepthMost = 64;  // descriptors held at once
constexpr int kEntriesAtOnce = 1000;

alignas(8) char listing[32 * 1024];
u64 moved = 0;  // counts folders that were too deep

bool is_dots(const char* name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

// A file or an empty folder.
i64 remove_one(int folder, const char* name) {
  const i64 r = host::call(__NR_unlinkat, folder, name, 0);
  if (r != -EISDIR && r != -EPERM) return r;
  const i64 second = host::call(__NR_unlinkat, folder, name, AT_REMOVEDIR);
  return second == -ENOTDIR ? r : second;
}

Fd open_child(int folder, const char* name) {
  return Fd(
      host::call(__NR_openat, folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

// The folders that are being emptied, each in the one before: never left by "..", which a guest could redirect.
struct Stack {
  Fd folders[kDepthMost];
  int depth = 0;
  int budget = kEntriesAtOnce;

  i64 descend(const char* name) {
    if (depth == kDepthMost) {
      // Too deep: up to the first folder with it, where its turn comes later.
      char own[40];
      Text(own, sizeof own).str(".barchan-removed-").udec(moved++);
      const i64 r =
          host::call(__NR_renameat2, folders[depth - 1].get(), name, folders[0].get(), own, RENAME_NOREPLACE);
      return r == -ENOENT || r == -EEXIST ? 0 : r;
    }
    Fd child = open_child(folders[depth - 1].get(), name);
    // Gone or replaced by something else meanwhile: the next listing tells.
    if (child.error() == -ENOENT || child.error() == -ENOTDIR || child.error() == -ELOOP) return 0;
    if (!child.ok()) return child.error();
    folders[depth++] = static_cast<Fd&&>(child);
    return 0;
  }

  // Empties the last folder as far as it has files and empty folders. 1: there are more in it; 0: it is empty or another is
  // the last one now; or -errno.
  i64 sweep() {
    const int folder = folders[depth - 1].get();
    host::call(__NR_lseek, folder, 0, 0);
    bool any = false;
    for (;;) {
      const i64 size = host::call(__NR_getdents64, folder, listing, sizeof listing);
      if (size < 0) return size == -ENOENT ? 0 : size;
      if (size == 0) return any ? 1 : 0;
      for (i64 at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const DirectoryEntry*>(listing + at);
        at += entry->size;
        if (is_dots(entry->name)) continue;
        if (budget-- == 0) return -EAGAIN;
        const i64 r = remove_one(folder, entry->name);
        if (r == 0 || r == -ENOENT) {
          any = true;
          continue;
        }
        if (r != -ENOTEMPTY && r != -EEXIST) return r;
        const i64 down = descend(entry->name);
        return down < 0 ? down : 1;
      }
    }
  }
};

i64 empty(const Place& place) {
  Stack stack;
  stack.folders[0] = open_child(place.folder.get(), place.name);
  if (!stack.folders[0].ok()) return stack.folders[0].error();
  stack.depth = 1;
  while (stack.depth > 0) {
    const i64 r = stack.sweep();
    if (r < 0) return r;
    if (r > 0) continue;
    stack.folders[--stack.depth].reset();
  }
  return 0;
}

}  // namespace

i64 read_folder(int fd, char* to, size_t size) {
  // An entry here is shorter than the kernel's.
  const i64 got = host::call(__NR_getdents64, fd, listing, min(size, sizeof listing));
  if (got < 0) return got;
  size_t used = 0;
  for (i64 at = 0; at < got;) {
    const auto* entry = reinterpret_cast<const DirectoryEntry*>(listing + at);
    at += entry->size;
    if (is_dots(entry->name)) continue;
    const size_t length = strlen(entry->name) + 1;
    to[used++] = static_cast<char>(entry->type);
    memcpy(to + used, entry->name, length);
    used += length;
  }
  // Nothing but dots: an empty answer would mean the end.
  return got > 0 && used == 0 ? read_folder(fd, to, size) : static_cast<i64>(used);
}

i64 remove(int root, const char* path, u32 flags) {
  Place place;
  if (const i64 r = place.find(root, path); r < 0) return r;
  i64 r = remove_one(place.folder.get(), place.name);
  if ((r != -ENOTEMPTY && r != -EEXIST) || (flags & abi::kFileRecursive) == 0) return r;
  r = empty(place);
  if (r < 0) return r;
  r = remove_one(place.folder.get(), place.name);
  // A guest has put something there again.
  return r == -ENOTEMPTY || r == -EEXIST ? -EAGAIN : r;
}

}  // namespace barchan::files
