#include "monitor/syscalls/proc_mem.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "abi/layout.h"
#include "host/lock.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/mm/mm.h"
#include "monitor/syscalls/proc_files.h"

namespace barchan::files {

bool proc_mem_in_use;

namespace {

constexpr u64 kMaxTransfer = 0x7ffff000;
constexpr u64 kLargeFile = 0100000;  // O_LARGEFILE, which the kernel sets for 64-bit programs

// What a file description would hold. By number, as descriptions cannot be told apart: a duplicate has a
// position of its own and both directions.
struct Open {
  int fd;
  u32 mode;  // O_ACCMODE
  u64 position;
};
constexpr u32 kOpens = 16;
Open opens[kOpens];
u32 used;

Open* find(int fd) {
  for (u32 i = 0; i < min(used, kOpens); i++) {
    if (opens[i].fd == fd) return &opens[i];
  }
  return nullptr;
}

Open& remember(int fd, u32 mode) {
  Open* open = find(fd);
  if (!open) open = &opens[used++ % kOpens];
  *open = {fd, mode, 0};
  return *open;
}

enum class What { kNothing, kMemory, kPagemap };

// What the guest's descriptor stands in for. `name`: the file's path, for kPagemap.
What standing_for(int fd, char (&name)[kPathMax]) {
  i64 flags = host::call(__NR_fcntl, fd, F_GETFL, 0);
  if (flags < 0 || !(flags & O_PATH) || !is_on_proc(fd)) return What::kNothing;
  i64 size = describe_fd(fd, name, sizeof name);
  auto ends_in = [&](const char* end) {
    const i64 length = static_cast<i64>(strlen(end));
    return size > length && strcmp(name + size - length, end) == 0;
  };
  // After a fork it is still the parent's memory, which the child cannot reach.
  if (ends_in("/mem")) return is_own_proc_path(name) ? What::kMemory : What::kNothing;
  return ends_in("/pagemap") ? What::kPagemap : What::kNothing;
}

// Forced accesses one by one: each puts the protection back that it found.
host::Mutex forcing;

// Linux writes (and reads) here what the mapping's protection forbids: debuggers and JITs count on it.
bool force_copy(u64 address, void* buffer, size_t size, bool write) {
  struct Alone {
    Alone() { forcing.lock(thread_lock_token(), thread_is_gone); }
    ~Alone() { forcing.unlock(); }
  } alone;
  mm::Mapping mapping;
  if (!mm::next_mapping(address, mapping) || mapping.start > address || mapping.end - address < size)
    return false;
  // Memory that others have as well is written by who may (mm/gup.c, check_vma_flags()).
  if (write && mapping.shared) return false;
  u64 page = page_down(address);
  u64 length = page_up(address + size) - page;
  if (mm::protect(page, length, mapping.prot | PROT_READ | (write ? PROT_WRITE : 0)) != 0) return false;
  i64 error = write ? copy_to_guest(address, buffer, size) : copy_from_guest(buffer, address, size);
  mm::protect(page, length, mapping.prot);
  return error == 0;
}

// Between the guest's memory at `position` and its buffer, up to `count` bytes: bytes moved, -EIO or -EFAULT.
i64 transfer(u64 position, u64 buffer, u64 count, bool write) {
  count = min(count, kMaxTransfer);
  char bounce[kPageSize];
  for (u64 done = 0; done < count;) {
    u64 at = position + done;
    // Never across a page: what is mapped, and how, ends at one.
    u64 n = min(count - done, kPageSize - at % kPageSize);
    if (!in_arena(at, n)) return done ? static_cast<i64>(done) : -EIO;
    if (write && copy_from_guest(bounce, buffer + done, n) != 0)
      return done ? static_cast<i64>(done) : -EFAULT;
    i64 error = write ? copy_to_guest(at, bounce, n) : copy_from_guest(bounce, at, n);
    if (error != 0 && !force_copy(at, bounce, n, write)) return done ? static_cast<i64>(done) : -EIO;
    if (!write && copy_to_guest(buffer + done, bounce, n) != 0)
      return done ? static_cast<i64>(done) : -EFAULT;
    done += n;
  }
  return static_cast<i64>(count);
}

// Entries of the guest's pages; all others look as if nothing was there, up to where user space ends.
i64 read_pagemap(const char* path, u64 position, u64 buffer, u64 count) {
  constexpr u64 kEntry = 8, kUserPages = check::kUserEnd / kPageSize + 1;
  constexpr u64 kFirst = BARCHAN_ARENA_START / kPageSize * kEntry,
                kPast = BARCHAN_ARENA_END / kPageSize * kEntry;
  constexpr u64 kEnd = kUserPages * kEntry, kMost = 16 << 20;
  if (position % kEntry != 0 || count % kEntry != 0) return -EINVAL;
  if (position >= kEnd) return 0;
  count = min(min(count, kEnd - position), kMost);
  const i64 file = host::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  if (file < 0) return file == -ENOENT ? 0 : file;
  i64 error = is_on_proc(static_cast<int>(file)) ? 0 : -EACCES;
  char bounce[kPageSize];
  u64 done = 0;
  while (error == 0 && done < count) {
    const u64 at = position + done;
    u64 n = min(count - done, sizeof bounce);
    if (at < kFirst || at >= kPast) {
      if (at < kFirst) n = min(n, kFirst - at);
      memset(bounce, 0, n);
    } else {
      const i64 got = host::call(__NR_pread64, file, bounce, min(n, kPast - at), at);
      if (got <= 0) {
        error = got;
        break;
      }
      n = static_cast<u64>(got);
    }
    if (copy_to_guest(buffer + done, bounce, n) != 0) {
      error = -EFAULT;
    } else {
      done += n;
    }
  }
  host::call(__NR_close, file);
  return done != 0 ? static_cast<i64>(done) : error;
}

i64 move(What what, const char* name, u64 position, u64 buffer, u64 count, bool write) {
  if (what == What::kMemory) return transfer(position, buffer, count, write);
  return write ? -EINVAL : read_pagemap(name, position, buffer, count);
}

i64 seek(Open& open, const Call& call) {
  if (static_cast<u32>(call.arg[2]) == SEEK_CUR) {
    open.position += call.arg[1];
  } else if (static_cast<u32>(call.arg[2]) == SEEK_SET) {
    open.position = call.arg[1];
  } else {
    return -EINVAL;
  }
  return static_cast<i64>(open.position);
}

struct Access {
  bool write, placed;
};

// Is it a call that reads or writes, and how?
bool access_of(const Call& call, Access& access) {
  switch (call.nr) {
    case __NR_read:
    case __NR_readv: access = {false, false}; return true;
    case __NR_write:
    case __NR_writev: access = {true, false}; return true;
    case __NR_pread64:
    case __NR_preadv: access = {false, true}; return true;
    case __NR_preadv2: access = {false, call.arg[3] != ~u64{0}}; return true;
    case __NR_pwrite64:
    case __NR_pwritev: access = {true, true}; return true;
    case __NR_pwritev2: access = {true, call.arg[3] != ~u64{0}}; return true;
    default: return false;
  }
}

}  // namespace

void proc_mem_fork_child() { forcing.reset(); }

i64 open_proc_mem(const Pin& pin, u64 flags) {
  char link[48];
  i64 fd = host::call(__NR_openat, AT_FDCWD, pin.path(link), kOpenPath | (flags & O_CLOEXEC), 0);
  fd = fd_created(fd);
  if (fd < 0) return fd;
  remember(static_cast<int>(fd), flags & O_ACCMODE);
  __atomic_store_n(&proc_mem_in_use, true, __ATOMIC_RELEASE);
  return fd;
}

i64 stand_in_at(int fd, bool close_on_exec) {
  char link[48];
  Text(link, sizeof link).str("/proc/thread-self/fd/").dec(fd);
  i64 result = host::call(__NR_openat, AT_FDCWD, link, kOpenPath | O_CLOEXEC, 0);
  if (result >= 0) {
    const i64 path_only = result;
    result = host::call(__NR_dup3, path_only, fd, close_on_exec ? O_CLOEXEC : 0);
    host::call(__NR_close, path_only);
  }
  if (result < 0) {
    host::call(__NR_close, fd);
    return result;
  }
  remember(fd, O_RDONLY);
  __atomic_store_n(&proc_mem_in_use, true, __ATOMIC_RELEASE);
  return fd;
}

i64 proc_mem_call(const Call& call, const iovec* parts, u64 count) {
  const int fd = static_cast<int>(call.arg[call.nr == __NR_sendfile ? 1 : 0]);
  char name[kPathMax];
  const What what = standing_for(fd, name);
  if (what == What::kNothing) return -EBADF;
  Open* open = find(fd);
  if (!open) open = &remember(fd, O_RDWR);
  switch (call.nr) {
    case __NR_lseek: return seek(*open, call);
    // Nothing is done, of what may be written (fs/proc/base.c, proc_setattr()).
    case __NR_ftruncate: return open->mode == O_RDONLY ? -EINVAL : 0;
    case __NR_splice:
    case __NR_sendfile:
    case __NR_copy_file_range: return -EINVAL;
    case __NR_mmap: return -ENODEV;
    case __NR_fcntl: return static_cast<i64>(open->mode | kLargeFile);
  }
  Access access;
  if (!access_of(call, access)) return -EBADF;
  if (open->mode == (access.write ? O_RDONLY : O_WRONLY)) return -EBADF;
  // A memory address has no sign, but preadv() and pwritev() take an offset in two halves that has.
  if (access.placed && static_cast<i64>(call.arg[3]) < 0) return -EINVAL;
  u64 position = access.placed ? call.arg[3] : open->position;
  const iovec whole = {reinterpret_cast<void*>(call.arg[1]), call.arg[2]};
  if (!parts) {
    parts = &whole;
    count = 1;
  }
  if (whole.iov_len > check::kUserEnd || call.arg[1] > check::kUserEnd - whole.iov_len) return -EFAULT;
  i64 done = 0;
  for (u64 i = 0; i < count; i++) {
    const u64 size = parts[i].iov_len;
    const i64 moved =
        move(what, name, position, reinterpret_cast<u64>(parts[i].iov_base), size, access.write);
    if (moved < 0) {
      if (done == 0) return moved;
      break;
    }
    done += moved;
    position += static_cast<u64>(moved);
    if (static_cast<u64>(moved) < size) break;
  }
  if (!access.placed && done > 0) open->position = position;
  return done;
}

}  // namespace barchan::files
