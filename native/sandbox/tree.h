// Purpose: mounts and files by descriptor: what the set-up needs of open_tree(2), move_mount(2),
//          mount_setattr(2), fsopen(2) and openat2(2).
// Owner:   sandbox. Threads: one.
// Trust:   names below a sandbox's root are never trusted: they are looked up with RESOLVE_IN_ROOT, so that
//          a symbolic link in a root that somebody else made leads nowhere but into that root.
//
// Functions return a descriptor or 0, or -errno. All descriptors are close-on-exec.
#ifndef BARCHAN_SANDBOX_TREE_H
#define BARCHAN_SANDBOX_TREE_H

#include "host/types.h"

namespace barchan::sandbox {

// Attributes of mounts, as MOUNT_ATTR_*.
constexpr u64 kReadOnly = 1, kNoSuid = 2, kNoDev = 4, kNoExec = 8, kNoSymlinks = 0x200000;

// Closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(i64 fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd& operator=(Fd&& other);
  Fd(Fd&& other) : fd_(other.fd_) { other.fd_ = -1; }
  ~Fd() { reset(); }
  void reset();
  // Leaves it to the caller.
  i64 release() {
    const i64 fd = fd_;
    fd_ = -1;
    return fd;
  }
  bool ok() const { return fd_ >= 0; }
  i64 error() const { return fd_ < 0 ? fd_ : 0; }  // of the call that made it
  int get() const { return static_cast<int>(fd_); }

 private:
  i64 fd_ = -1;
};

// A copy of the mount at `path` that is not yet attached, with everything below it.
Fd clone_tree(int directory, const char* path);
// Adds `attributes` to a mount, and to those below it when `below`.
i64 restrict_mount(int mount, u64 attributes, bool below);
// Attaches `mount` over what `target` refers to.
i64 attach(int mount, int target);

// A new file system of one type: options first, then make().
class NewFilesystem {
 public:
  explicit NewFilesystem(const char* type);
  NewFilesystem& option(const char* name, const char* value);
  NewFilesystem& flag(const char* name);
  // The unattached mount.
  Fd make(u64 attributes);

 private:
  Fd context_;
  i64 error_ = 0;
};

// An O_PATH reference to `path` (absolute or not) inside `root`, which links cannot leave.
Fd find_in(int root, const char* path);
// The same for a folder, or for an empty file when `file`, which is made where it is missing, and so are the
// folders above it.
Fd make_in(int root, const char* path, bool file);
// Makes one folder; one that exists is right.
i64 make_folder(int parent, const char* name, u32 mode);
// Is the object behind an O_PATH descriptor a folder?
bool is_folder(int fd);
// Writes all of `text` into a file of procfs.
i64 write_file(const char* path, const char* text);

}  // namespace barchan::sandbox

#endif
