// fstat, newfstatat and statx. A magic link to the monitor's image shows the guest's program; directories of procfs
// count only what is the guest's.
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/path_calls.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_tasks.h"

namespace barchan {
namespace {

// A path of the guest as these calls take it: with AT_EMPTY_PATH it may be null or empty.
struct Target {
  files::GuestPath path;
  bool by_descriptor;  // nothing to resolve: what the descriptor refers to
  bool is_null;        // the guest gave no path

  u64 for_host() const { return is_null ? 0 : host::word(path.text); }
};

i64 load(Target& target, u64 guest, u64 flags) {
  target.by_descriptor = false;
  target.is_null = guest == 0;
  if (target.is_null) {
    // Linux 6.11 takes NULL for an empty path here; an older host says EFAULT.
    if (!(flags & AT_EMPTY_PATH)) return -EFAULT;
    target.by_descriptor = true;
    target.path.text[0] = 0;
    return 0;
  }
  i64 error = target.path.load(guest);
  target.by_descriptor = error == 0 && target.path.size == 0;
  return error;
}

// The object found is the monitor's image: is it shown in place of the guest's program?
bool stands_for_program(int directory, const Target& target, u64 flags) {
  return !target.by_descriptor && !(flags & AT_SYMLINK_NOFOLLOW) &&
         files::goes_by_magic(directory, target.path.text);
}

constexpr u64 major_of(u64 device) { return device >> 8 & 0xfff; }  // Linux: new_encode_dev

// The same for the object that was found at `target`, whose device and inode are given.
void show_guest_counts(int directory, const Target& target, u64 flags, u64 device, u64 inode, u64& links,
                       i64& size) {
  if (target.by_descriptor) return files::show_guest_counts(directory, links, size);
  files::Pin pin;
  if (pin.open(directory, target.path.text, flags & AT_SYMLINK_NOFOLLOW, 0) < 0) return;
  if (pin.status().st_dev == device && pin.status().st_ino == inode)
    files::show_guest_counts(pin.fd(), links, size);
}

// The object found may be a copy of a file of procfs.
void show_copied(struct stat& status) {
  files::CopyPath path;
  if (files::proc_copies_in_use && files::copied_path(status.st_dev, status.st_ino, path)) [[unlikely]]
    files::show_copied(status, path);
}

}  // namespace

i64 sys_fstat(Thread& t, const Call& c) {
  struct stat status;
  const int fd = static_cast<int>(c.arg[0]);
  const i64 result = t.host(__NR_fstat, fd, &status);
  if (result < 0) return result;
  if (policy::lets_open()) show_copied(status);
  if (files::may_count(status.st_mode, major_of(status.st_dev)) && policy::lets_open()) {
    files::show_guest_counts(fd, status.st_nlink, status.st_size);
  }
  return copy_to_guest(c.arg[1], &status, sizeof status);
}

i64 sys_newfstatat(Thread& t, const Call& c) {
  int directory = static_cast<int>(c.arg[0]);
  u64 flags = static_cast<u32>(c.arg[3]);
  Target target;
  struct stat status;
  auto call = [&](int from, u64 path) { return t.host(__NR_newfstatat, from, path, &status, flags); };
  // Wrong flags are noticed before a wrong path.
  if (load(target, c.arg[1], flags) < 0) return files::on_name(directory, c.arg[1], call);
  if (files::names_private_fd(directory, target.path)) return -ENOENT;
  i64 result = call(directory, target.for_host());
  if (result < 0) return result;
  show_copied(status);
  if (files::is_image(status.st_dev, status.st_ino) && stands_for_program(directory, target, flags)) {
    result = host::call(__NR_fstat, private_fd(kFdProgram), &status);
    if (result < 0) return result;
  }
  if (files::may_count(status.st_mode, major_of(status.st_dev))) {
    show_guest_counts(directory, target, flags, status.st_dev, status.st_ino, status.st_nlink,
                      status.st_size);
  }
  return copy_to_guest(c.arg[2], &status, sizeof status);
}

i64 sys_statx(Thread& t, const Call& c) {
  int directory = static_cast<int>(c.arg[0]);
  u64 flags = static_cast<u32>(c.arg[2]);
  u64 mask = static_cast<u32>(c.arg[3]);
  Target target;
  struct statx status;
  auto call = [&](int from, u64 path) { return t.host(__NR_statx, from, path, flags, mask, &status); };
  if (load(target, c.arg[1], flags) < 0) return files::on_name(directory, c.arg[1], call);
  if (files::names_private_fd(directory, target.path)) return -ENOENT;
  i64 result = call(directory, target.for_host());
  if (result < 0) return result;
  // stat(2)'s encoding (Linux: new_encode_dev).
  u64 device = (status.stx_dev_minor & 0xff) | (u64{status.stx_dev_major} << 8) |
               (u64{status.stx_dev_minor & ~0xffu} << 12);
  if (files::CopyPath path; files::proc_copies_in_use && files::copied_path(device, status.stx_ino, path))
      [[unlikely]]
    files::show_copied(status, path, mask);
  if (files::is_image(device, status.stx_ino) && stands_for_program(directory, target, flags)) {
    result = host::call(__NR_statx, private_fd(kFdProgram), "", AT_EMPTY_PATH, mask, &status);
    if (result < 0) return result;
  }
  if (files::may_count(status.stx_mode, status.stx_dev_major)) {
    u64 links = status.stx_nlink;
    i64 size = static_cast<i64>(status.stx_size);
    show_guest_counts(directory, target, flags, device, status.stx_ino, links, size);
    status.stx_nlink = static_cast<u32>(links);
    status.stx_size = static_cast<u64>(size);
  }
  return copy_to_guest(c.arg[4], &status, sizeof status);
}

}  // namespace barchan
