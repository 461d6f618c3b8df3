#include "sandbox/tree.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/config.h"

namespace barchan::sandbox {
namespace {

constexpr int kPathOnly = 010000000;  // O_PATH
constexpr u64 kResolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

Fd open_in(int root, const char* path, u64 flags, u64 mode) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = kResolve;
  return Fd(host::call(__NR_openat2, root, path, &how, sizeof how));
}

}  // namespace

Fd& Fd::operator=(Fd&& other) {
  reset();
  fd_ = other.fd_;
  other.fd_ = -1;
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) host::call(__NR_close, fd_);
  fd_ = -1;
}

Fd clone_tree(int directory, const char* path) {
  const int empty = path[0] == 0 ? AT_EMPTY_PATH : 0;
  return Fd(host::call(__NR_open_tree, directory, path,
                       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | empty));
}

i64 restrict_mount(int mount, u64 attributes, bool below) {
  mount_attr attr = {};
  attr.attr_set = attributes;
  return host::call(__NR_mount_setattr, mount, "", AT_EMPTY_PATH | (below ? AT_RECURSIVE : 0), &attr,
                    sizeof attr);
}

i64 attach(int mount, int target) {
  return host::call(__NR_move_mount, mount, "", target, "",
                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

NewFilesystem::NewFilesystem(const char* type) : context_(host::call(__NR_fsopen, type, FSOPEN_CLOEXEC)) {
  error_ = context_.error();
  option("source", type);
}

NewFilesystem& NewFilesystem::option(const char* name, const char* value) {
  if (error_ == 0) error_ = host::call(__NR_fsconfig, context_.get(), FSCONFIG_SET_STRING, name, value, 0);
  return *this;
}

NewFilesystem& NewFilesystem::flag(const char* name) {
  if (error_ == 0) error_ = host::call(__NR_fsconfig, context_.get(), FSCONFIG_SET_FLAG, name, nullptr, 0);
  return *this;
}

Fd NewFilesystem::make(u64 attributes) {
  if (error_ == 0)
    error_ = host::call(__NR_fsconfig, context_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (error_ != 0) return Fd(error_);
  return Fd(host::call(__NR_fsmount, context_.get(), FSMOUNT_CLOEXEC, attributes));
}

Fd find_in(int root, const char* path) { return open_in(root, path, kPathOnly, 0); }

Fd make_in(int root, const char* path, bool file) {
  Fd found = find_in(root, path);
  if (found.error() != -ENOENT) return found;
  // Component by component: a missing one is made in the folder that the way so far has led to.
  char part[kPathMax];
  const size_t length = strlen(path);
  for (size_t end = 1; end <= length; end++) {
    if (end < length && path[end] != '/') continue;
    memcpy(part, path, end);
    part[end] = 0;
    const bool last = end == length;
    Fd here = find_in(root, part);
    if (here.ok()) {
      if (last) return here;
      continue;
    }
    if (here.error() != -ENOENT) return here;
    if (last && file) {
      Fd made = open_in(root, part, O_CREAT | O_EXCL | O_WRONLY, 0644);
      if (!made.ok()) return made;
      return find_in(root, part);
    }
    size_t slash = end;
    while (part[slash - 1] != '/') slash--;
    char name[kPathMax];
    memcpy(name, part + slash, end - slash + 1);
    part[slash] = 0;
    Fd parent = find_in(root, part);
    if (!parent.ok()) return parent;
    if (i64 r = make_folder(parent.get(), name, 0755); r < 0) return Fd(r);
  }
  return find_in(root, path);
}

i64 make_folder(int parent, const char* name, u32 mode) {
  const i64 r = host::call(__NR_mkdirat, parent, name, mode);
  return r == -EEXIST ? 0 : r;
}

bool is_folder(int fd) {
  struct statx s;
  return host::call(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &s) == 0 &&
         (s.stx_mode & S_IFMT) == S_IFDIR;
}

i64 write_file(const char* path, const char* text) {
  Fd fd(host::call(__NR_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC));
  if (!fd.ok()) return fd.error();
  const i64 n = host::call(__NR_write, fd.get(), text, strlen(text));
  return n < 0 ? n : 0;
}

}  // namespace barchan::sandbox
