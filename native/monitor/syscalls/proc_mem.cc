#include "monitor/syscalls/proc_mem.h"

#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/mm/mm.h"
#include "monitor/syscalls/proc_files.h"

namespace barchan::files {

bool proc_mem_in_use;

namespace {

constexpr u64 kMaxTransfer = 0x7ffff000;

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

bool is_proc_mem(int fd) {
  i64 flags = host::call(__NR_fcntl, fd, F_GETFL, 0);
  if (flags < 0 || !(flags & O_PATH) || !is_on_proc(fd)) return false;
  char name[kPathMax];
  i64 size = describe_fd(fd, name, sizeof name);
  // After a fork it is still the parent's memory, which the child cannot reach.
  return size > 4 && strcmp(name + size - 4, "/mem") == 0 && is_own_proc_path(name);
}

// Linux writes (and reads) here what the mapping's protection forbids: debuggers and JITs count on it.
bool force_copy(u64 address, void* buffer, size_t size, bool write) {
  mm::Mapping mapping;
  if (!mm::next_mapping(address, mapping) || mapping.start > address || mapping.end - address < size)
    return false;
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

}  // namespace

i64 open_proc_mem(const Pin& pin, u64 flags) {
  char link[48];
  i64 fd = host::call(__NR_openat, AT_FDCWD, pin.path(link), kOpenPath | (flags & O_CLOEXEC), 0);
  fd = fd_created(fd);
  if (fd < 0) return fd;
  remember(static_cast<int>(fd), flags & O_ACCMODE);
  proc_mem_in_use = true;
  return fd;
}

i64 proc_mem_call(const Call& call) {
  bool write = call.nr == __NR_write || call.nr == __NR_pwrite64;
  bool positioned = call.nr == __NR_pread64 || call.nr == __NR_pwrite64;
  if (!write && !positioned && call.nr != __NR_read && call.nr != __NR_lseek) return -EBADF;
  int fd = static_cast<int>(call.arg[0]);
  if (!is_proc_mem(fd)) return -EBADF;
  Open* open = find(fd);
  if (!open) open = &remember(fd, O_RDWR);
  if (call.nr == __NR_lseek) {
    if (call.arg[2] == SEEK_CUR) {
      open->position += call.arg[1];
    } else if (call.arg[2] == SEEK_SET) {
      open->position = call.arg[1];
    } else {
      return -EINVAL;
    }
    return static_cast<i64>(open->position);
  }
  if (open->mode == (write ? O_RDONLY : O_WRONLY)) return -EBADF;
  if (positioned && static_cast<i64>(call.arg[3]) < 0) return -EINVAL;
  i64 result = transfer(positioned ? call.arg[3] : open->position, call.arg[1], call.arg[2], write);
  if (!positioned && result > 0) open->position += static_cast<u64>(result);
  return result;
}

}  // namespace barchan::files
