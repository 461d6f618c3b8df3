#include "monitor/syscalls/proc_copies.h"

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/resource.h>

#include "monitor/fds.h"
#include "monitor/process.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_files.h"
#include "monitor/syscalls/proc_tasks.h"

namespace barchan::files {

CopyTable proc_copies;
bool proc_copies_in_use;
u64 proc_copy_numbers;

namespace {

// A memory file is named so, that a link to it can be shown as one to the file of procfs even by who has no table.
constexpr char kMark[] = "procfs:";
constexpr size_t kLabel = sizeof kMark + sizeof CopyTable::Entry::path;

// What the guest reads instead: a memory file or, where the guest's limit on the size of files would end it by SIGXFSZ
// while the copy is made, a pipe, which cannot be read from its start again.
class Copy {
 public:
  Copy() = default;
  ~Copy() {
    close(reader_);
    if (writer_ != reader_) close(writer_);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  i64 make(const char* path) {
    rlimit64 limit = {};
    i64 error = host::call(__NR_prlimit64, 0, RLIMIT_FSIZE, nullptr, &limit);
    if (error < 0) return error;
    if (limit.rlim_cur < kLargest) return make_pipe();
    char label[kLabel];
    Text(label, sizeof label).str(kMark).str(path);
    reader_ = writer_ = host::call(__NR_memfd_create, label, MFD_CLOEXEC);
    return min<i64>(reader_, 0);
  }
  int writer() const { return static_cast<int>(writer_); }
  // Puts the copy in the place of `fd`, to be read from its start, and opened as `fd` was: programs look (F_GETFL)
  // whether a file that they pass on can be written to.
  i64 replace(int fd, bool close_on_exec) {
    if (reader_ == writer_) {
      const i64 flags = host::call(__NR_fcntl, fd, F_GETFL);
      if (flags < 0) return flags;
      char link[48];
      Text(link, sizeof link).str("/proc/thread-self/fd/").dec(writer_);
      reader_ = host::call(__NR_openat, AT_FDCWD, link, (flags & kKept) | O_CLOEXEC, 0);
      if (reader_ < 0) return reader_;
    }
    return host::call(__NR_dup3, reader_, fd, close_on_exec ? O_CLOEXEC : 0);
  }

 private:
  static constexpr u64 kLargest = 64 << 20;  // no file of these is longer, nor near
  static constexpr u64 kPipe = 1 << 20;      // what anybody may ask for (man 5 proc, pipe-max-size)
  static constexpr i64 kKept = O_ACCMODE | O_APPEND | O_NONBLOCK;

  static void close(i64 fd) {
    if (fd >= 0) host::call(__NR_close, fd);
  }
  i64 make_pipe() {
    int ends[2];
    // Who writes does not wait for a reader: what a pipe does not hold is an error.
    i64 error = host::call(__NR_pipe2, ends, O_CLOEXEC | O_NONBLOCK);
    if (error < 0) return error;
    reader_ = ends[0];
    writer_ = ends[1];
    host::call(__NR_fcntl, writer_, F_SETPIPE_SZ, kPipe);
    return min<i64>(host::call(__NR_fcntl, reader_, F_SETFL, 0), 0);
  }

  i64 reader_ = -1, writer_ = -1;
};

// A duplicate out of the guest's reach, so that what is judged is what is used.
class Held {
 public:
  explicit Held(int fd) : fd_(fd_duplicate(fd, false)) {}
  ~Held() {
    if (fd_ >= 0) host::call(__NR_close, fd_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  int fd() const { return static_cast<int>(fd_); }

 private:
  i64 fd_;
};

CopyTable::Entry* find(u64 device, u64 inode, CopyPath& path) {
  if (device != proc_copies.device || inode == 0) return nullptr;
  for (CopyTable::Entry& entry : proc_copies.entries) {
    if (__atomic_load_n(&entry.inode, __ATOMIC_ACQUIRE) != inode) continue;
    memcpy(path, entry.path, sizeof path);
    path[sizeof path - 1] = 0;
    return __atomic_load_n(&entry.inode, __ATOMIC_SEQ_CST) == inode ? &entry : nullptr;
  }
  return nullptr;
}

CopyTable::Entry* find(int fd, CopyPath& path) {
  struct stat status;
  if (fd < 0 || host::call(__NR_fstat, fd, &status) < 0) return nullptr;
  return find(status.st_dev, status.st_ino, path);
}

void remember(int copy, const char* path, bool inherited) {
  struct stat status;
  const size_t size = strlen(path) + 1;
  if (size > sizeof(CopyPath) || host::call(__NR_fstat, copy, &status) < 0 || !S_ISREG(status.st_mode))
    return;
  const u32 at = __atomic_fetch_add(&proc_copies.next, 1, __ATOMIC_RELAXED) % CopyTable::kEntries;
  CopyTable::Entry& entry = proc_copies.entries[at];
  __atomic_store_n(&entry.inode, 0, __ATOMIC_SEQ_CST);
  memcpy(entry.path, path, size);
  entry.inherited = inherited;
  proc_copies.device = status.st_dev;
  __atomic_store_n(&entry.inode, status.st_ino, __ATOMIC_RELEASE);
  note_copy(copy);
  __atomic_store_n(&proc_copies_in_use, true, __ATOMIC_RELEASE);
}

// After an exec: is this one of those that the monitor before told of (`context`: InheritedCopies)?
void resume(int fd, void* context) {
  const InheritedCopies& told = *static_cast<InheritedCopies*>(context);
  struct stat status;
  CopyPath known;
  if (host::call(__NR_fstat, fd, &status) < 0 || status.st_dev != told.device) return;
  if (find(status.st_dev, status.st_ino, known)) return note_copy(fd);
  for (const u64 inode : told.inodes) {
    if (inode == 0 || inode != status.st_ino) continue;
    char name[kLabel + 32];
    const i64 length = describe_fd(fd, name, sizeof name);
    if (length <= 0) return;
    const size_t size = show_copied_name(name, static_cast<size_t>(length));
    if (size == static_cast<size_t>(length)) return;
    name[size] = 0;
    return remember(fd, name, true);
  }
}

i64 refresh(int guest_fd) {
  Held held(guest_fd);
  CopyPath path;
  CopyTable::Entry* entry = find(held.fd(), path);
  if (!entry) return 0;
  char link[48];
  Text(link, sizeof link).str("/proc/thread-self/fd/").dec(held.fd());
  const i64 to = host::call(__NR_openat, AT_FDCWD, link, O_WRONLY | O_TRUNC | O_CLOEXEC, 0);
  if (to < 0) return 0;
  i64 error = 0;
  // The memory that such a file was opened for is gone with the program before: it has no mappings any more.
  if (!entry->inherited || !is_proc_file_of_memory(path) || !is_own_proc_path(path)) {
    const i64 from = host::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (from >= 0 && is_on_proc(static_cast<int>(from))) {
      error = write_proc_file(static_cast<int>(from), static_cast<int>(to), path);
      if (error > 0) error = 0;
    } else {
      error = -ESRCH;
    }
    if (from >= 0) host::call(__NR_close, from);
  }
  host::call(__NR_close, to);
  return error;
}

bool stands_at_start(u64 fd) { return host::call(__NR_lseek, static_cast<i32>(fd), 0, SEEK_CUR) == 0; }

}  // namespace

void proc_copies_tell(InheritedCopies& to) {
  to = {.device = proc_copies.device, .inodes = {}};
  u32 at = __atomic_load_n(&proc_copies.next, __ATOMIC_RELAXED);
  for (u64& inode : to.inodes) {
    inode = __atomic_load_n(&proc_copies.entries[--at % CopyTable::kEntries].inode, __ATOMIC_RELAXED);
  }
}

void proc_copies_resume(const InheritedCopies& from) {
  if (from.inodes[0] == 0) return;
  const i64 directory =
      host::call(__NR_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return;
  InheritedCopies told = from;
  each_guest_fd(static_cast<int>(directory), resume, &told);
  host::call(__NR_close, directory);
}

bool copied_path(u64 device, u64 inode, CopyPath& path) { return find(device, inode, path) != nullptr; }
bool copied_path(int fd, CopyPath& path) { return may_be_copy(fd) && find(fd, path) != nullptr; }

i64 refresh_before(const Call& call) {
  const u64 fd = call.arg[0];
  if (!may_be_copy(static_cast<int>(fd))) return 0;
  bool starts = false;
  switch (call.nr) {
    case __NR_read:
    case __NR_readv: starts = stands_at_start(fd); break;
    case __NR_pread64:
    case __NR_preadv: starts = call.arg[3] == 0; break;
    case __NR_preadv2: starts = call.arg[3] == 0 || (call.arg[3] == ~u64{0} && stands_at_start(fd)); break;
    default: return 0;
  }
  return starts ? refresh(static_cast<int>(fd)) : 0;
}

bool copy_call(const Call& call, i64& result) {
  const int fd = static_cast<int>(call.arg[call.nr == __NR_sendfile ? 1 : 0]);
  CopyPath path;
  switch (call.nr) {
    case __NR_lseek: {
      // Files of procfs that are made as they are read have no end (fs/seq_file.c, seq_lseek()).
      const u32 whence = static_cast<u32>(call.arg[2]);
      if (whence == SEEK_SET || whence == SEEK_CUR || !copied_path(fd, path)) return false;
      result = -EINVAL;
      return true;
    }
    // Nor can they be spliced.
    case __NR_splice:
    case __NR_sendfile:
    case __NR_copy_file_range:
      if (!copied_path(fd, path)) return false;
      result = -EINVAL;
      return true;
    case __NR_fstatfs: {
      if (!copied_path(fd, path)) return false;
      i64 real = host::call(__NR_openat, AT_FDCWD, path, kOpenPath | kOpenNofollow | kOpenCloexec, 0);
      if (real < 0)
        real = host::call(__NR_openat, AT_FDCWD, "/proc", kOpenPath | kOpenNofollow | kOpenCloexec, 0);
      if (real < 0) return false;
      result = host::call(__NR_fstatfs, real, call.arg[1]);
      host::call(__NR_close, real);
      return true;
    }
    default: return false;
  }
}

void show_copied(struct stat& status, const CopyPath& path) {
  struct stat real;
  if (host::call(__NR_newfstatat, AT_FDCWD, path, &real, AT_SYMLINK_NOFOLLOW) == 0) {
    status = real;
    return;
  }
  // Its process is gone.
  status.st_mode = 0100444;
  status.st_size = status.st_blocks = 0;
  status.st_nlink = 1;
}

void show_copied(struct statx& status, const CopyPath& path, u64 mask) {
  struct statx real;
  if (host::call(__NR_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, mask, &real) == 0) {
    status = real;
    return;
  }
  status.stx_mode = 0100444;
  status.stx_size = status.stx_blocks = 0;
  status.stx_nlink = 1;
}

size_t show_copied_name(char* text, size_t size) {
  constexpr char kStart[] = "/memfd:procfs:", kEnd[] = " (deleted)";
  constexpr size_t kStartSize = sizeof kStart - 1, kEndSize = sizeof kEnd - 1;
  if (size <= kStartSize + kEndSize || memcmp(text, kStart, kStartSize) != 0 ||
      memcmp(text + size - kEndSize, kEnd, kEndSize) != 0)
    return size;
  size -= kStartSize + kEndSize;
  memmove(text, text + kStartSize, size);
  return size;
}

i64 copy_for_guest(int fd, const char* path, bool close_on_exec) {
  Copy copy;
  i64 result = copy.make(path);
  if (result == 0) result = rewrite_proc_file(fd, copy.writer(), path);
  if (result == 0) {
    result = host::call(__NR_lseek, fd, 0, 0);
    return min<i64>(result, 0);
  }
  if (result < 0) return result;
  result = copy.replace(fd, close_on_exec);
  if (result < 0) return result;
  remember(fd, path, false);
  return 1;
}

}  // namespace barchan::files
