#include "monitor/syscalls/open.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_files.h"
#include "monitor/syscalls/proc_mem.h"

namespace barchan {
namespace files {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's MAXSYMLINKS

i64 host_open(Thread& t, const OpenRequest& request, const char* path, u64 more_flags) {
  u64 flags = request.flags | more_flags;
  if (!request.strict) return t.host(__NR_openat, request.directory, path, flags, request.mode);
  open_how how = {};
  how.flags = flags;
  how.mode = request.mode;
  how.resolve = request.resolve;
  return t.host(__NR_openat2, request.directory, path, &how, sizeof how);
}

bool wants_to_write(const OpenRequest& request) {
  return (request.flags & O_ACCMODE) != O_RDONLY || (request.flags & O_TRUNC);
}

i64 close_with(i64 fd, i64 error) {
  host::call(__NR_close, fd);
  return error;
}

// Opens the guest's program in place of the monitor's image. O_CREAT and O_EXCL are about names.
i64 open_program(Thread& t, const OpenRequest& request) {
  if (!(request.flags & kOpenPath) && wants_to_write(request)) return -ETXTBSY;
  u64 flags = request.flags & ~u64{O_CREAT | O_EXCL | O_NOFOLLOW};
  char link[48];
  i64 fd = t.host(__NR_openat, AT_FDCWD, own_program_link(link), flags, 0);
  if (fd == -ENOENT) fd = t.host(__NR_openat, AT_FDCWD, program.path, flags, 0);
  return fd_created(fd);
}

// /proc/PID/exe is the monitor's image for every guest process; its program is on the same private number.
// Turns `path` into that link; false when `path` is no exe link by name.
bool to_program_link(GuestPath& path) {
  if (!path.name_is("exe")) return false;
  char link[24];
  Text(link, sizeof link).str("fd/").dec(private_fd(kFdProgram));
  return path.replace_name(link) == 0;
}

i64 open_pinned(Thread& t, const OpenRequest& request, const Pin& pin) {
  char link[48];
  u64 flags = request.flags & ~u64{O_NOFOLLOW};
  return t.host(__NR_openat, AT_FDCWD, pin.path(link), flags, request.mode);
}

i64 open_image(Thread& t, const OpenRequest& request, GuestPath& path) {
  // A file that is being executed; to the host it is the monitor's that is.
  if (!(request.flags & kOpenPath) && wants_to_write(request)) return -ETXTBSY;
  Pin pin;
  if (to_program_link(path) && pin.open(request.directory, path.text, false, request.resolve) == 0 &&
      S_ISREG(pin.status().st_mode) && !is_image(pin.status().st_dev, pin.status().st_ino) &&
      !is_private_object(pin.fd(), pin.status()) && !is_proc_file(pin.fd(), pin.status())) {
    i64 fd = open_pinned(t, request, pin);
    if (fd != -ENOENT) return fd_created(fd);
  }
  return open_program(t, request);
}

// The way for names that end in a symbolic link, and for `mem`: pin, judge, reopen.
// `again`: `path` was rewritten, or the name came or went: start over.
i64 open_by_pin(Thread& t, const OpenRequest& request, GuestPath& path, bool& again) {
  Pin pin;
  i64 error = pin.open(request.directory, path.text, request.flags & O_NOFOLLOW, request.resolve);
  bool follow_by_hand = false;
  if (error == -ENOENT && (request.flags & O_CREAT)) {
    if (path.name_is("mem")) {
      // Only a name that does not exist yet may be created unseen.
      i64 fd = host_open(t, request, path.text, O_EXCL);
      if (fd != -EEXIST) return fd_created(fd);
    }
    follow_by_hand = true;  // a dangling link: the file is made where it points
  } else if (error < 0) {
    return error;
  }
  if (!follow_by_hand) {
    const struct stat& status = pin.status();
    if (pin.magic()) {
      GuestPath link = path;
      if (leads_to_private_fd(request.directory, link)) return -ENOENT;
    }
    if (i64 refusal = device_refusal(status); refusal != 0) return refusal;
    if (is_image(status.st_dev, status.st_ino) && pin.magic()) return open_image(t, request, path);
    if (pin.magic() && is_private_object(pin.fd(), status)) return -ENOENT;
    if (CopyPath copied;
        pin.magic() && proc_copies_in_use && copied_path(status.st_dev, status.st_ino, copied)) {
      again = true;
      return path.assign(copied, strlen(copied));
    }
    if (is_program(status.st_dev, status.st_ino) && wants_to_write(request)) return -ETXTBSY;
    bool proc = is_proc_file(pin.fd(), status);
    char name[kPathMax];
    if (proc) {
      i64 length = describe_fd(pin.fd(), name, sizeof name);
      // The whole of a monitor's memory. Without a name there is no telling, so no opening.
      if (length < 4) return -EACCES;
      if (strcmp(name + length - 4, "/mem") == 0) {
        return is_own_proc_path(name) ? open_proc_mem(pin, request.flags) : -EACCES;
      }
    }
    i64 fd = open_pinned(t, request, pin);
    if (fd != -ENOENT) {
      fd = fd_created(fd);
      bool reads = (request.flags & O_ACCMODE) != O_WRONLY;
      return proc && reads && fd >= 0 ? proc_file_for_guest(static_cast<int>(fd), request.flags & O_CLOEXEC)
                                      : fd;
    }
    // No procfs at /proc (the guest changed its root): there is no way to reopen.
    if (path.name_is("mem") || pin.magic()) return -EACCES;
  }
  char target[kPathMax];
  i64 length = host::call(__NR_readlinkat, request.directory, path.text, target, sizeof target - 1);
  if (length == -EINVAL || length == -ENOENT) {
    again = true;
    return 0;
  }
  if (length < 0) return length;
  target[length] = 0;
  again = true;
  return path.replace_name(target);
}

// A fresh descriptor whose object was reached without following a final link.
i64 judge_opened(i64 opened, const OpenRequest& request, const GuestPath& path) {
  i64 fd = fd_created(opened);
  if (fd < 0) return fd;
  struct stat status;
  if (host::call(__NR_fstat, fd, &status) < 0) return fd;  // closed by another thread meanwhile
  if (i64 refusal = device_refusal(status); refusal != 0) return close_with(fd, refusal);
  if (is_program(status.st_dev, status.st_ino) && wants_to_write(request)) return close_with(fd, -ETXTBSY);
  if ((request.flags & O_ACCMODE) != O_WRONLY && proc_file_of_interest(path.name(), path.name_size()) &&
      is_proc_file(static_cast<int>(fd), status)) {
    return proc_file_for_guest(static_cast<int>(fd), request.flags & O_CLOEXEC);
  }
  return fd;
}

// The kernel keeps a running program from being written, but what runs here, to its mind, is the monitor's image.
// A program that is cut while it runs dies; so this is asked before, other writing after opening.
bool truncates_program(const OpenRequest& request, const GuestPath& path) {
  struct stat status;
  u64 flags = request.flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
  return host::call(__NR_newfstatat, request.directory, path.text, &status, flags) == 0 &&
         is_program(status.st_dev, status.st_ino);
}

// O_PATH gives no access to the object, so looking afterwards is enough.
i64 open_path_only(Thread& t, const OpenRequest& request, GuestPath& path) {
  i64 fd = host_open(t, request, path.text, 0);
  if (fd < 0) return fd;
  struct stat status;
  if (host::call(__NR_fstat, fd, &status) < 0) return fd_created(fd);
  if (i64 refusal = device_refusal(status); refusal != 0) return close_with(fd, refusal);
  if (is_image(status.st_dev, status.st_ino) && goes_by_magic(request.directory, path.text)) {
    host::call(__NR_close, fd);
    return open_image(t, request, path);
  }
  return fd_created(fd);
}

}  // namespace

i64 open_for_guest(Thread& t, const OpenRequest& request, GuestPath& path) {
  // The dispatcher has made kClosedFd of a private one, which does not matter to an absolute path.
  if (is_private(request.directory) && request.directory != check::kClosedFd) return -EBADF;
  if (names_private_fd(request.directory, path)) return -ENOENT;
  if (request.flags & kOpenPath) return open_path_only(t, request, path);
  // A directory is never a private object nor `mem`, so links to it need no look.
  if ((request.flags & O_DIRECTORY) && !(request.flags & O_CREAT)) {
    return fd_created(host_open(t, request, path.text, 0));
  }
  for (int links = 0; links < kMaxLinks; links++) {
    if ((request.flags & O_TRUNC) && truncates_program(request, path)) return -ETXTBSY;
    bool creates_anew = (request.flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if (!path.name_is("mem") || creates_anew) {
      i64 fd = host_open(t, request, path.text, O_NOFOLLOW);
      if (fd != -ELOOP || (request.flags & O_NOFOLLOW)) return judge_opened(fd, request, path);
    }
    bool again = false;
    i64 result = open_by_pin(t, request, path, again);
    if (!again || result < 0) return result;
    if (names_private_fd(request.directory, path)) return -ENOENT;
  }
  return -ELOOP;
}

}  // namespace files

namespace {

constexpr u64 kCreationMode = O_CREAT | files::kOpenTemporary;

}  // namespace

i64 sys_openat(Thread& t, const Call& c) {
  files::GuestPath path;
  i64 error = path.load(c.arg[1]);
  if (error < 0) return error;
  u64 flags = static_cast<u32>(c.arg[2]);
  // The host ignores flags that it does not know and a mode that it does not need, as Linux does.
  u64 mode = (flags & kCreationMode) ? c.arg[3] & 07777 : 0;
  files::OpenRequest request = {static_cast<int>(c.arg[0]), flags, mode, 0, false};
  return files::open_for_guest(t, request, path);
}

i64 sys_openat2(Thread& t, const Call& c) {
  open_how how = {};
  u64 size = c.arg[3];  // GUEST
  if (size < sizeof how) return -EINVAL;
  if (size > kPageSize) return -E2BIG;
  if (copy_from_guest(&how, c.arg[2], sizeof how) != 0) return -EFAULT;
  // Later fields that this version does not know must be zero (man 2 openat2, "Extensibility").
  for (u64 at = sizeof how; at < size; at++) {
    u8 byte;
    if (read_guest(byte, c.arg[2] + at) != 0) return -EFAULT;
    if (byte != 0) return -E2BIG;
  }
  if (const i64 refusal = policy::judge_open(c.arg, how.flags, how.mode, how.resolve)) return refusal;
  files::GuestPath path;
  i64 error = path.load(c.arg[1]);
  if (error < 0) {
    // Flags are judged before the path is read. Nothing has an empty name.
    return host::call(__NR_openat2, AT_FDCWD, "", &how, sizeof how) == -EINVAL ? -EINVAL : error;
  }
  files::OpenRequest request = {static_cast<int>(c.arg[0]), how.flags, how.mode, how.resolve, true};
  return files::open_for_guest(t, request, path);
}

}  // namespace barchan
