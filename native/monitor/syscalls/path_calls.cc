// Calls that look at or change the object a path leads to. A magic link of procfs may lead to the monitor's own files:
// its image stands for the guest's program, and its other objects look absent. What is changed is pinned and judged
// first (paths.h), so that no other thread of the guest swaps it; what is only asked about needs less.
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "host/call_numbers.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/path_calls.h"
#include "monitor/syscalls/proc_copies.h"

namespace barchan::files {
namespace {

// A descriptor that is never open. Not "", which AT_EMPTY_PATH would make the current directory; and whatever else a guest
// without procfs may put there is the guest's.
constexpr char kNowhere[] = "/proc/thread-self/fd/2147483647";

// Below a file, and too long.
constexpr char kBelowFile[] = "/proc/thread-self/stat/x";
struct LongPath {
  char text[kPathMax + 1];
};
constexpr LongPath kTooLong = [] {
  LongPath path{};
  for (unsigned i = 0; i < kPathMax; i++) path.text[i] = 'x';
  return path;
}();

// Paths that fail as the guest's did, for the host to say in which order it notices that and other errors.
i64 failed(int directory, i64 error, const HostPathCall& call) {
  switch (error) {
    case -ENOENT: return call(AT_FDCWD, host::word(kNowhere));
    case -EFAULT: return call(AT_FDCWD, check::kBadPointer);
    case -EBADF:
      // Calls without a directory would take the name for one in the current directory.
      return directory == AT_FDCWD ? error : call(check::kClosedFd, host::word("x"));
    case -ENOTDIR: return call(AT_FDCWD, host::word(kBelowFile));
    case -ENAMETOOLONG: return call(AT_FDCWD, host::word(kTooLong.text));
    default: {
      // Of the way there (EACCES, ELOOP ...), which is gone after the call's other arguments have been judged.
      const i64 other = call(AT_FDCWD, host::word(kNowhere));
      return other == -ENOENT ? error : other;
    }
  }
}

}  // namespace

i64 on_object(int directory, u64 address, HostPathCall call) {
  GuestPath path;
  i64 error = path.load(address);
  if (error < 0) return failed(directory, error, call);
  if (names_private_fd(directory, path)) return failed(directory, -ENOENT, call);
  Pin pin;
  error = pin.open(directory, path.text, false, 0);
  if (error < 0) return failed(directory, error, call);
  const struct stat& status = pin.status();
  char link[48];
  if (pin.magic()) {
    if (leads_to_private_fd(directory, path) || is_kvm(status)) return failed(directory, -ENOENT, call);
    if (is_image(status.st_dev, status.st_ino)) return call(AT_FDCWD, host::word(own_program_link(link)));
    if (is_private_object(pin.fd(), status)) return failed(directory, -ENOENT, call);
    if (CopyPath copied; proc_copies_in_use && copied_path(status.st_dev, status.st_ino, copied))
      return call(AT_FDCWD, host::word(copied));
  }
  const i64 result = call(AT_FDCWD, host::word(pin.path(link)));
  // No procfs at /proc: then no magic link of it was followed either, unless procfs is mounted elsewhere.
  if (result != -ENOENT) return result;
  return pin.magic() ? -EACCES : call(directory, host::word(path.text));
}

i64 on_name(int directory, u64 address, HostPathCall call) {
  GuestPath path;
  const i64 error = path.load(address);
  if (error < 0) return failed(directory, error, call);
  if (names_private_fd(directory, path)) return failed(directory, -ENOENT, call);
  return call(directory, host::word(path.text));
}

i64 on_question(int directory, u64 address, HostPathCall call) {
  GuestPath path;
  const i64 error = path.load(address);
  if (error < 0) return failed(directory, error, call);
  if (names_private_fd(directory, path)) return failed(directory, -ENOENT, call);
  if (goes_by_magic(directory, path.text)) return on_object(directory, address, call);
  return call(directory, host::word(path.text));
}

bool is_empty(u64 address) {
  if (address == 0) return true;
  char first;
  return string_from_guest(&first, address, 1) == 0;
}

i64 by_flags(u64 directory, u64 address, u64 flags, HostPathCall call) {
  const int from = static_cast<int>(directory);
  if (flags & AT_EMPTY_PATH && is_empty(address)) return call(from, address);
  return flags & AT_SYMLINK_NOFOLLOW ? on_name(from, address, call) : on_object(from, address, call);
}

}  // namespace barchan::files

namespace barchan {

using files::on_name;
using files::on_object;
using files::on_question;

i64 sys_fchmodat(Thread& t, const Call& c) {
  return on_object(static_cast<int>(c.arg[0]), c.arg[1],
                   [&](int directory, u64 path) { return t.host(__NR_fchmodat, directory, path, c.arg[2]); });
}

i64 sys_fchmodat2(Thread& t, const Call& c) {
  auto call = [&](int directory, u64 path) {
    return t.host(__NR_fchmodat2, directory, path, c.arg[2], c.arg[3]);
  };
  return files::by_flags(c.arg[0], c.arg[1], c.arg[3], call);
}

i64 sys_fchownat(Thread& t, const Call& c) {
  auto call = [&](int directory, u64 path) {
    return t.host(__NR_fchownat, directory, path, c.arg[2], c.arg[3], c.arg[4]);
  };
  return files::by_flags(c.arg[0], c.arg[1], c.arg[4], call);
}

i64 sys_utimensat(Thread& t, const Call& c) {
  auto call = [&](int directory, u64 path) {
    return t.host(__NR_utimensat, directory, path, c.arg[2], c.arg[3]);
  };
  if (c.arg[1] == 0) return call(static_cast<int>(c.arg[0]), 0);  // the descriptor's own times
  return files::by_flags(c.arg[0], c.arg[1], c.arg[3], call);
}

i64 sys_linkat(Thread& t, const Call& c) {
  auto call = [&](int directory, u64 path) {
    return t.host(__NR_linkat, directory, path, c.arg[2], c.arg[3], c.arg[4]);
  };
  const u32 flags = static_cast<u32>(c.arg[4]);
  const int directory = static_cast<int>(c.arg[0]);
  if (flags & AT_EMPTY_PATH && files::is_empty(c.arg[1])) return call(directory, c.arg[1]);
  return flags & AT_SYMLINK_FOLLOW ? on_object(directory, c.arg[1], call)
                                   : on_name(directory, c.arg[1], call);
}

i64 sys_setxattr(Thread& t, const Call& c) {
  return on_object(AT_FDCWD, c.arg[0], [&](int, u64 path) {
    return t.host(__NR_setxattr, path, c.arg[1], c.arg[2], c.arg[3], c.arg[4]);
  });
}

i64 sys_removexattr(Thread& t, const Call& c) {
  return on_object(AT_FDCWD, c.arg[0],
                   [&](int, u64 path) { return t.host(__NR_removexattr, path, c.arg[1]); });
}

i64 sys_getxattr(Thread& t, const Call& c) {
  return on_question(AT_FDCWD, c.arg[0], [&](int, u64 path) {
    return t.host(__NR_getxattr, path, c.arg[1], c.arg[2], c.arg[3]);
  });
}

i64 sys_listxattr(Thread& t, const Call& c) {
  return on_question(AT_FDCWD, c.arg[0],
                     [&](int, u64 path) { return t.host(__NR_listxattr, path, c.arg[1], c.arg[2]); });
}

i64 sys_statfs(Thread& t, const Call& c) {
  return on_question(AT_FDCWD, c.arg[0], [&](int, u64 path) { return t.host(__NR_statfs, path, c.arg[1]); });
}

i64 sys_faccessat2(Thread& t, const Call& c) {
  auto call = [&](int directory, u64 path) {
    return t.host(__NR_faccessat2, directory, path, c.arg[2], c.arg[3]);
  };
  const u32 flags = static_cast<u32>(c.arg[3]);
  const int directory = static_cast<int>(c.arg[0]);
  if (flags & AT_EMPTY_PATH && files::is_empty(c.arg[1])) return call(directory, c.arg[1]);
  return flags & AT_SYMLINK_NOFOLLOW ? on_name(directory, c.arg[1], call)
                                     : on_question(directory, c.arg[1], call);
}

i64 sys_name_to_handle_at(Thread& t, const Call& c) {
  auto call = [&](int directory, u64 path) {
    return t.host(__NR_name_to_handle_at, directory, path, c.arg[2], c.arg[3], c.arg[4]);
  };
  const u32 flags = static_cast<u32>(c.arg[4]);
  const int directory = static_cast<int>(c.arg[0]);
  if (flags & AT_EMPTY_PATH && files::is_empty(c.arg[1])) return call(directory, c.arg[1]);
  return flags & AT_SYMLINK_FOLLOW ? on_question(directory, c.arg[1], call)
                                   : on_name(directory, c.arg[1], call);
}

i64 sys_inotify_add_watch(Thread& t, const Call& c) {
  auto call = [&](int, u64 path) { return t.host(__NR_inotify_add_watch, c.arg[0], path, c.arg[2]); };
  return c.arg[2] & IN_DONT_FOLLOW ? on_name(AT_FDCWD, c.arg[1], call)
                                   : on_question(AT_FDCWD, c.arg[1], call);
}

i64 sys_listxattrat(Thread& t, const Call& c) {
  return files::by_flags(c.arg[0], c.arg[1], c.arg[2], [&](int directory, u64 path) {
    return t.host(__NR_listxattrat, directory, path, c.arg[2], c.arg[3], c.arg[4]);
  });
}

i64 sys_removexattrat(Thread& t, const Call& c) {
  return files::by_flags(c.arg[0], c.arg[1], c.arg[2], [&](int directory, u64 path) {
    return t.host(__NR_removexattrat, directory, path, c.arg[2], c.arg[3]);
  });
}

i64 sys_file_getattr(Thread& t, const Call& c) {
  return files::by_flags(c.arg[0], c.arg[1], c.arg[4], [&](int directory, u64 path) {
    return t.host(__NR_file_getattr, directory, path, c.arg[2], c.arg[3], c.arg[4]);
  });
}

i64 sys_file_setattr(Thread& t, const Call& c) {
  return files::by_flags(c.arg[0], c.arg[1], c.arg[4], [&](int directory, u64 path) {
    return t.host(__NR_file_setattr, directory, path, c.arg[2], c.arg[3], c.arg[4]);
  });
}

i64 sys_chdir(Thread& t, const Call& c) {
  return on_name(AT_FDCWD, c.arg[0], [&](int, u64 path) { return t.host(__NR_chdir, path); });
}

i64 sys_mkdirat(Thread& t, const Call& c) {
  return on_name(static_cast<int>(c.arg[0]), c.arg[1],
                 [&](int directory, u64 path) { return t.host(__NR_mkdirat, directory, path, c.arg[2]); });
}

i64 sys_mknodat(Thread& t, const Call& c) {
  return on_name(static_cast<int>(c.arg[0]), c.arg[1], [&](int directory, u64 path) {
    return t.host(__NR_mknodat, directory, path, c.arg[2], c.arg[3]);
  });
}

i64 sys_unlinkat(Thread& t, const Call& c) {
  return on_name(static_cast<int>(c.arg[0]), c.arg[1],
                 [&](int directory, u64 path) { return t.host(__NR_unlinkat, directory, path, c.arg[2]); });
}

// The calls on extended attributes of a link itself.
i64 sys_lsetxattr(Thread& t, const Call& c) {
  return on_name(AT_FDCWD, c.arg[0], [&](int, u64 path) {
    return t.host(__NR_lsetxattr, path, c.arg[1], c.arg[2], c.arg[3], c.arg[4]);
  });
}

i64 sys_lgetxattr(Thread& t, const Call& c) {
  return on_name(AT_FDCWD, c.arg[0],
                 [&](int, u64 path) { return t.host(__NR_lgetxattr, path, c.arg[1], c.arg[2], c.arg[3]); });
}

i64 sys_llistxattr(Thread& t, const Call& c) {
  return on_name(AT_FDCWD, c.arg[0],
                 [&](int, u64 path) { return t.host(__NR_llistxattr, path, c.arg[1], c.arg[2]); });
}

i64 sys_lremovexattr(Thread& t, const Call& c) {
  return on_name(AT_FDCWD, c.arg[0],
                 [&](int, u64 path) { return t.host(__NR_lremovexattr, path, c.arg[1]); });
}

}  // namespace barchan
