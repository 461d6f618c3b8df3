// Purpose: looking at what a guest's path names, without letting another guest thread swap the path, the
//          descriptor or the object between the look and the use.
// Owner:   monitor/syscalls. Threads: any. Trust: paths and directory descriptors are GUEST values; a path is
//          copied once and only the copy goes to the host.
//
// What makes the checks sound although all guest threads share the descriptor table:
//  - A final component that is opened with O_NOFOLLOW is literally the object of that name in a directory. It
//    is no private object (those are reached by magic links of procfs only, and none is a directory) and
//    it is procfs `mem` only if it is called so.
//  - Anything else is first pinned: opened with O_PATH (which gives no access), duplicated to a number out of the
//    guest's reach, judged there, and reopened through /proc/thread-self/fd/N.
#ifndef BARCHAN_MONITOR_SYSCALLS_PATHS_H
#define BARCHAN_MONITOR_SYSCALLS_PATHS_H

#include <asm/stat.h>

#include "host/string.h"
#include "monitor/process.h"
#include "monitor/thread.h"

namespace barchan::files {

constexpr u64 kOpenPath = 010000000;       // O_PATH
constexpr u64 kOpenCloexec = 02000000;     // O_CLOEXEC
constexpr u64 kOpenNofollow = 0400000;     // O_NOFOLLOW
constexpr u64 kOpenDirectory = 0200000;    // O_DIRECTORY
constexpr u64 kOpenTemporary = 020000000;  // __O_TMPFILE, without O_DIRECTORY

// A private copy of a guest's path.
struct GuestPath {
  char text[kPathMax];
  size_t size = 0;

  // 0, -EFAULT or -ENAMETOOLONG.
  i64 load(u64 guest);
  // Replaces the text; -ENAMETOOLONG when it does not fit.
  i64 assign(const char* from, size_t length);

  // The last component without trailing slashes: [name(), name() + name_size()). Empty for "" and "/".
  const char* name() const { return text + name_start(); }
  size_t name_size() const;
  bool name_is(const char* what) const;
  // Replaces the last component (and what follows) by `with`: a path relative to the same directory.
  i64 replace_name(const char* with);

 private:
  size_t name_start() const;
};

// An O_PATH descriptor that the guest cannot reach.
class Pin {
 public:
  Pin() = default;
  ~Pin() { reset(); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  // Resolves `path`; `nofollow` as for O_NOFOLLOW, `resolve` as in openat2(2). 0 or -errno.
  i64 open(int directory, const char* path, bool nofollow, u64 resolve);
  void reset();
  int fd() const { return fd_; }
  // A magic link of procfs was followed on the way (always true on kernels without openat2).
  bool magic() const { return magic_; }
  const struct stat& status() const { return status_; }
  // Writes "/proc/thread-self/fd/N" to `to`.
  const char* path(char (&to)[48]) const;

 private:
  int fd_ = -1;
  bool magic_ = false;
  struct stat status_;
};

// What the kernel says `fd` refers to ("/proc/7/maps", "/memfd:x (deleted)"): length, or -errno. NUL-terminated.
i64 describe_fd(int fd, char* to, size_t capacity);

// device:inode of the monitor's image.
bool is_image(u64 device, u64 inode);
// device:inode of this process's guest program.
bool is_program(u64 device, u64 inode);
// /dev/kvm under any name.
bool is_kvm(const struct stat& status);
// For a device that no guest may open, under any name: what opening it gives, else 0. /dev/kvm is EACCES, as to a user
// outside group kvm; the host's log, memory and ports are EPERM, as where a device cgroup leaves them out.
i64 device_refusal(const struct stat& status);
// A regular file on procfs. Costs a call only for empty files on a device without major number.
bool is_proc_file(int fd, const struct stat& status);
bool is_on_proc(int fd);
// The descriptor refers to one of the monitor's own objects (start blob, exec state, report, trace).
// For objects that were reached by a magic link.
bool is_private_object(int fd, const struct stat& status);

// Does following `path` (with a final symlink) take a magic link of procfs?
bool goes_by_magic(int directory, const char* path);

// An entry of this name in a procfs `map_files` directory is of a monitor's mapping.
bool hides_mapping(const char* name);

// `path` names a private descriptor in a procfs `fd` or `fdinfo` directory, or a mapping of a monitor's in `map_files`: it must
// look absent.
bool names_private_fd(int directory, const GuestPath& path);

// The same of the name that the final symbolic links of `path` end at. Costs a call for each; for paths that are known
// to have taken a magic link. `path` is changed.
bool leads_to_private_fd(int directory, GuestPath& path);

// Writes the path by which the host reopens the guest's program whatever became of its name.
const char* own_program_link(char (&to)[48]);

}  // namespace barchan::files

#endif
