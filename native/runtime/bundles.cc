#include "runtime/bundles.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/syscall.h"
#include "runtime/fail.h"
#include "runtime/file.h"

namespace barchan::runtime {
namespace {

constexpr int kLockExclusive = 2, kLockNonblocking = 4;  // LOCK_EX, LOCK_NB
constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

const char* parent_path(const char* root) { return memory().join(root, "/bundles"); }

i64 lock(i64 fd, int how) {
  for (;;) {
    const i64 r = host::call(__NR_flock, fd, how);
    if (r != -EINTR) return r;
  }
}

bool same_file(i64 fd, const char* path) {
  struct statx a, b;
  return host::call(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_INO, &a) == 0 &&
         host::call(__NR_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &b) == 0 &&
         a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor;
}

// The lock on all names, held while one is made or removed.
class Names {
 public:
  explicit Names(const char* root) {
    fd_ = host::call(__NR_openat, AT_FDCWD, parent_path(root), kFolder, 0);
    if (fd_ < 0) fail_errno(fd_, "cannot open ", parent_path(root));
    lock(fd_, kLockExclusive);
  }
  ~Names() { host::call(__NR_close, fd_); }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

 private:
  i64 fd_;
};

i64 open_folder(const char* path) { return host::call(__NR_openat, AT_FDCWD, path, kFolder, 0); }

}  // namespace

const char* bundle_path(const char* root, const char* id) {
  return memory().join(parent_path(root), "/", id);
}

bool container_exists(const char* root, const char* id) {
  return exists(memory().join(root, "/crun/", id)) || exists(memory().join(root, "/runc/", id));
}

i64 reserve_bundle(const char* root, const char* id) {
  const char* parent = parent_path(root);
  const char* path = bundle_path(root, id);
  if (const i64 r = make_directories(parent); r < 0) fail_errno(r, "cannot make ", parent);
  for (;;) {
    i64 folder;
    {
      Names names(root);
      const i64 made = host::call(__NR_mkdirat, AT_FDCWD, path, 0700);
      if (made < 0 && made != -EEXIST) fail_errno(made, "cannot make ", path);
      folder = open_folder(path);
      if (folder < 0) fail_errno(folder, "cannot open ", path);
      if (made == 0) {
        lock(folder, kLockExclusive);
        if (container_exists(root, id)) {
          host::call(__NR_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
          fail("container with given ID already exists: ", id);
        }
        return folder;
      }
    }
    // Somebody else's: wait until it is made or given up.
    lock(folder, kLockExclusive);
    Names names(root);
    if (same_file(folder, path)) {
      if (container_exists(root, id)) fail("container with given ID already exists: ", id);
      remove_files(folder);
      return folder;
    }
    host::call(__NR_close, folder);
  }
}

i64 open_bundle(const char* root, const char* id) {
  const i64 folder = open_folder(bundle_path(root, id));
  if (folder >= 0) lock(folder, kLockExclusive | kLockNonblocking);
  return folder < 0 ? -1 : folder;
}

void remove_bundle(const char* root, const char* id, i64 folder) {
  // Still being made by somebody else, who removes it when that fails.
  if (folder < 0 || lock(folder, kLockExclusive | kLockNonblocking) < 0) return;
  Names names(root);
  if (!same_file(folder, bundle_path(root, id)) || container_exists(root, id)) return;
  remove_files(folder);
  host::call(__NR_unlinkat, AT_FDCWD, bundle_path(root, id), AT_REMOVEDIR);
}

}  // namespace barchan::runtime
