// What the executor does with one call: calls.def says how.
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/uio.h>

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/dispatch.h"
#include "monitor/events/events.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/ring/ring.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/table.h"

namespace barchan::ring {
namespace {

enum How : u8 { kNot, PLAIN, READ, STAT_1, STAT_2, STAT_4, LINK };

struct Hows {
  u8 of[BARCHAN_RING_CALLS] = {};
};
consteval Hows hows() {
  Hows table;
#define RING(name, how) table.of[__NR_##name] = how;
#include "monitor/ring/calls.def"
  return table;
}
constexpr Hows kHows = hows();

bool is_regular(i64 fd) {
  struct stat status;
  return host::call(__NR_fstat, fd, &status) == 0 && (status.st_mode & 0170000) == 0100000;
}

// A regular file whose file system does not know RWF_NOWAIT and has none that wait for something else (as procfs has).
bool waits_for_disks_only(i64 fd) {
  struct statfs fs;
  return is_regular(fd) && host::call(__NR_fstatfs, fd, &fs) == 0 &&
         (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

// read and pread64. What would wait is refused, unless it waits for a disk, which no signal ends.
bool read_now(const Call& guest, i64& result) {
  Call call = guest;
  check::arguments(*table::row(call.nr), call.arg, fd_base());
  if (files::CopyPath path;
      files::proc_copies_in_use && files::copied_path(static_cast<int>(call.arg[0]), path)) [[unlikely]]
    return false;
  const bool placed = call.nr == __NR_pread64;
  // preadv2 takes an offset of -1 for the file's position.
  if (placed && static_cast<i64>(call.arg[3]) < 0) return false;
  const i64 fd = static_cast<i64>(call.arg[0]);
  const u64 size = call.arg[2];
  const i64 offset = placed ? static_cast<i64>(call.arg[3]) : -1;
  iovec whole = {reinterpret_cast<void*>(call.arg[1]), size};
  result = host::call(__NR_preadv2, fd, &whole, 1, offset, 0, RWF_NOWAIT);
  if (result == -EOPNOTSUPP && waits_for_disks_only(fd)) {
    result = host::call(static_cast<i64>(call.nr), fd, call.arg[1], size, call.arg[3]);
    return true;
  }
  if (result == -EAGAIN) {
    // An answer only where the guest asked for it.
    const i64 flags = host::call(__NR_fcntl, fd, F_GETFL, 0);
    return flags >= 0 && flags & O_NONBLOCK && !is_regular(fd);
  }
  // EBADF: one of the descriptors that the monitor stands in for (syscalls/proc_mem.h). EOPNOTSUPP and EINVAL: of files
  // that cannot be read in this way, perhaps.
  if (result == -EBADF || result == -EOPNOTSUPP || result == -EINVAL || result == -ESPIPE) return false;
  // A file of which a part only is in memory: the rest by a call that may wait for the disk.
  if (result > 0 && static_cast<u64>(result) < size && is_regular(fd)) {
    const i64 rest = host::call(static_cast<i64>(call.nr), fd, call.arg[1] + static_cast<u64>(result),
                                size - static_cast<u64>(result), call.arg[3] + static_cast<u64>(result));
    if (rest > 0) result += rest;
  }
  return true;
}

u64 device_of_proc() {
  static u64 device;
  if (device == 0) {
    struct stat status;
    device = host::call(__NR_newfstatat, AT_FDCWD, "/proc", &status, 0) == 0 ? status.st_dev : ~u64{0};
  }
  return device;
}

// Of an object that was found; a device that the guest has changed meanwhile is its own loss.
bool on_proc(u64 status) {
  u64 device;
  return read_guest(device, status) != 0 || device == device_of_proc();
}

bool on_proc_extended(u64 status) {
  u32 device[2];
  if (read_guest(device, status + offsetof(struct statx, stx_dev_major)) != 0) return true;
  const u64 encoded = (device[1] & 0xff) | (u64{device[0]} << 8) | (u64{device[1] & ~0xffu} << 12);
  return encoded == device_of_proc();
}

// "7/task/9" where 9 is the executor.
bool names_executor(u64 text, i64 size) {
  char name[24];
  Text(name, sizeof name).str("/task/").dec(executor_id());
  const size_t length = strlen(name);
  char end[24];
  if (size < static_cast<i64>(length)) return false;
  return copy_from_guest(end, text + static_cast<u64>(size) - length, length) != 0 ||
         memcmp(end, name, length) == 0;
}

bool plain(Thread& self, const Call& call, i64& result) {
  result = dispatch(self, call);
  return result != host::kRestart;
}

}  // namespace

bool serves(u32 nr) { return nr < BARCHAN_RING_CALLS && kHows.of[nr] != kNot; }

bool serve(Thread& self, const Thread& owner, const Call& call, i64& result) {
  if (call.nr >= BARCHAN_RING_CALLS) return false;
  // Another thread may have given the owner a filter while it was in the guest (SECCOMP_FILTER_FLAG_TSYNC).
  if (__atomic_load_n(&owner.seccomp_mode, __ATOMIC_ACQUIRE) != 0) return false;
  // Node may have begun to watch.
  if (events::watched()) return false;
  // What a policy says other than "yes" is the thread's own to suffer.
  if (policy::is_active() &&
      policy::decide(policy::active, static_cast<u32>(call.nr), call.arg).action != abi::kPolicyAllow)
    return false;
  switch (kHows.of[call.nr]) {
    case PLAIN: return plain(self, call, result);
    case READ: return read_now(call, result);
    case STAT_1: return plain(self, call, result) && (result != 0 || !on_proc(call.arg[1]));
    case STAT_2: return plain(self, call, result) && (result != 0 || !on_proc(call.arg[2]));
    case STAT_4: return plain(self, call, result) && (result != 0 || !on_proc_extended(call.arg[4]));
    case LINK:
      return plain(self, call, result) &&
             (result <= 0 || !names_executor(call.arg[call.nr == __NR_readlinkat ? 2 : 1], result));
    default: return false;
  }
}

}  // namespace barchan::ring
