#include "monitor/syscalls/proc_files.h"

#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/resource.h>
#include <linux/stat.h>

#include "monitor/fds.h"
#include "monitor/guest_limits.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_lines.h"
#include "monitor/syscalls/proc_maps.h"
#include "monitor/syscalls/proc_tasks.h"

namespace barchan::files {
namespace {

enum class Kind { kNone, kMaps, kSmaps, kNumaMaps, kStat, kStatus, kLimits, kSyscall };

struct Name {
  const char* text;
  Kind kind;
};
constexpr Name kNames[] = {
    {"maps", Kind::kMaps},       {"smaps", Kind::kSmaps},   {"numa_maps", Kind::kNumaMaps},
    {"stat", Kind::kStat},       {"status", Kind::kStatus}, {"limits", Kind::kLimits},
    {"syscall", Kind::kSyscall},
};

Kind kind_of(const char* name, size_t size) {
  for (const Name& known : kNames) {
    if (strlen(known.text) == size && memcmp(name, known.text, size) == 0) return known.kind;
  }
  return Kind::kNone;
}

const char* last_component(const char* path) {
  const char* name = path;
  for (const char* p = path; *p; p++) {
    if (*p == '/') name = p + 1;
  }
  return name;
}

// The process's statistics in one line; the 20th field is the number of threads.
void rewrite_stat(TextOut& out, const char* line, u32 host_tasks) {
  constexpr int kThreadsField = 20;
  const char* p = line + strlen(line);
  while (p > line && *p != ')') p--;
  int field = 2;
  for (const char* q = line; q < p; q++) out.put(*q);
  while (*p && field < kThreadsField) {
    field += *p == ' ';
    out.put(*p++);
  }
  u64 threads = 0;
  for (; *p >= '0' && *p <= '9'; p++) threads = threads * 10 + static_cast<u64>(*p - '0');
  char number[24];
  out.text(Text(number, sizeof number).udec(threads - host_tasks).data());
  out.line(p);
}

void rewrite_status(TextOut& out, const char* line, u32 host_tasks) {
  constexpr char kThreads[] = "Threads:\t";
  if (!starts_with(line, kThreads)) return out.line(line);
  i64 threads = parse_decimal(line + sizeof kThreads - 1);
  char number[24];
  out.text(kThreads);
  out.line(Text(number, sizeof number).dec(threads - host_tasks).data());
}

void pad(TextOut& out, const char* text, size_t width) {
  out.text(text);
  for (size_t n = strlen(text); n < width; n++) out.put(' ');
}

// As the kernel sets /proc/PID/limits (fs/proc/base.c).
constexpr size_t kNameWidth = 26, kValueWidth = 21;

// The host's limit on open files has room for private descriptors; the guest's own is kept in fds.h.
void rewrite_limits(TextOut& out, const char* line, bool own) {
  char number[24];
  auto limit = [&](u64 value) { pad(out, Text(number, sizeof number).udec(value).data(), kValueWidth); };
  if (own && starts_with(line, "Max open files ")) {
    pad(out, "Max open files", kNameWidth);
    limit(fd_soft_limit());
    limit(fd_hard_limit());
    return out.line("files     ");
  }
  if ((!starts_with(line, "Max address space ") && !starts_with(line, "Max data size ")) ||
      strlen(line) < kNameWidth + 2 * kValueWidth)
    return out.line(line);
  for (size_t i = 0; i < kNameWidth; i++) out.put(line[i]);
  const char* const columns[] = {line + kNameWidth, line + kNameWidth + kValueWidth};
  for (const char* column : columns) {
    if (*column < '0' || *column > '9') {
      for (size_t i = 0; i < kValueWidth; i++) out.put(column[i]);
      continue;
    }
    u64 value = 0;
    for (const char* p = column; *p >= '0' && *p <= '9'; p++) value = value * 10 + static_cast<u64>(*p - '0');
    limit(guest_limits::from_host(value));
  }
  out.line(line + kNameWidth + 2 * kValueWidth);
}

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

  i64 make(const char* name) {
    rlimit64 limit = {};
    i64 error = host::call(__NR_prlimit64, 0, RLIMIT_FSIZE, nullptr, &limit);
    if (error < 0) return error;
    if (limit.rlim_cur < kLargest) return make_pipe();
    char label[32];
    Text(label, sizeof label).str("proc-").str(name);
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

// 1 when the file was rewritten to `to`, 0 when it is right as it is, or -errno.
i64 rewrite(int from, int to, Kind kind, const char* path) {
  bool own = is_own_proc_path(path);
  i64 error = 0;
  switch (kind) {
    case Kind::kNone: return 0;
    case Kind::kMaps: error = rewrite_maps(from, to, MapsKind::kMaps, own); break;
    case Kind::kSmaps: error = rewrite_maps(from, to, MapsKind::kSmaps, own); break;
    case Kind::kNumaMaps: error = rewrite_maps(from, to, MapsKind::kNumaMaps, own); break;
    case Kind::kSyscall: {
      // The host's line has the monitor's call, stack and instruction pointer.
      constexpr char kRunning[] = "running\n";
      const i64 n = host::call(__NR_write, to, kRunning, sizeof kRunning - 1);
      if (n != sizeof kRunning - 1) error = n < 0 ? n : -ENOMEM;
      break;
    }
    case Kind::kStat:
    case Kind::kStatus:
    case Kind::kLimits: {
      u32 host_tasks = kind == Kind::kLimits ? 0 : count_host_tasks(path);
      if (kind != Kind::kLimits && host_tasks == 0) return 0;
      LineBuffers buffers;
      if (!buffers.get()) return -ENOMEM;
      TextOut out(to, buffers.out, LineBuffers::kOut);
      error = for_each_line(from, buffers, [&](const char* line) {
        if (kind == Kind::kStat) return rewrite_stat(out, line, host_tasks);
        if (kind == Kind::kStatus) return rewrite_status(out, line, host_tasks);
        rewrite_limits(out, line, own);
      });
      if (error == 0 && !out.finish()) error = -ENOMEM;
      break;
    }
  }
  return error < 0 ? error : 1;
}

// A line at a time, as it is.
i64 copy_text(int from, int to) {
  LineBuffers buffers;
  if (!buffers.get()) return -ENOMEM;
  TextOut out(to, buffers.out, LineBuffers::kOut);
  const i64 error = for_each_line(from, buffers, [&](const char* line) { out.line(line); });
  return error == 0 && !out.finish() ? -ENOMEM : error;
}

// Which file of procfs a copy shows, by the copy's inode, so that a program that reads from the start again (top and the like
// keep such files open) reads what is so by then. Written without a lock: the inode goes first and comes last. A copy that fell
// out of the list, or was inherited over an exec, stays as it was.
struct Shown {
  u64 inode;
  char path[56];
};
constexpr u32 kShown = 32;
Shown shown[kShown];
u32 shown_next;

void remember_copy(int copy, const char* path) {
  struct stat status;
  const size_t size = strlen(path) + 1;
  if (size > sizeof Shown::path || host::call(__NR_fstat, copy, &status) < 0 || !S_ISREG(status.st_mode))
    return;
  Shown& entry = shown[__atomic_fetch_add(&shown_next, 1, __ATOMIC_RELAXED) % kShown];
  __atomic_store_n(&entry.inode, 0, __ATOMIC_SEQ_CST);
  memcpy(entry.path, path, size);
  __atomic_store_n(&entry.inode, status.st_ino, __ATOMIC_RELEASE);
  proc_copies_in_use = true;
}

// False when `fd` is no copy that is remembered.
bool shown_path(int fd, char (&path)[sizeof Shown::path]) {
  struct stat status;
  if (host::call(__NR_fstat, fd, &status) < 0 || !S_ISREG(status.st_mode)) return false;
  for (Shown& entry : shown) {
    if (__atomic_load_n(&entry.inode, __ATOMIC_ACQUIRE) != status.st_ino) continue;
    memcpy(path, entry.path, sizeof path);
    if (__atomic_load_n(&entry.inode, __ATOMIC_SEQ_CST) != status.st_ino) return false;
    char name[kPathMax];
    const i64 length = describe_fd(fd, name, sizeof name);
    return length > 0 && starts_with(name, "/memfd:proc-");
  }
  return false;
}

}  // namespace

bool proc_copies_in_use;

void refresh_proc_copy(int fd) {
  char path[sizeof Shown::path];
  if (!shown_path(fd, path)) return;
  const i64 from = host::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  char link[48];
  Text(link, sizeof link).str("/proc/thread-self/fd/").dec(fd);
  // The process may be gone: then there is nothing to read any more.
  const i64 to = host::call(__NR_openat, AT_FDCWD, link, O_WRONLY | O_TRUNC | O_CLOEXEC, 0);
  if (from >= 0 && to >= 0 && is_on_proc(static_cast<int>(from))) {
    const Kind kind = kind_of(last_component(path), strlen(last_component(path)));
    if (rewrite(static_cast<int>(from), static_cast<int>(to), kind, path) == 0 &&
        host::call(__NR_lseek, from, 0, 0) == 0) {
      copy_text(static_cast<int>(from), static_cast<int>(to));
    }
  }
  if (from >= 0) host::call(__NR_close, from);
  if (to >= 0) host::call(__NR_close, to);
}

bool is_own_proc_path(const char* path) {
  char self[16];
  i64 size = host::call(__NR_readlinkat, AT_FDCWD, "/proc/self", self, sizeof self - 1);
  if (size <= 0) return false;
  // The mount may be anywhere, so any component will do: procfs has no other numbers but tasks' before the name.
  const char* p = path;
  while (*p) {
    while (*p == '/') p++;
    const char* begin = p;
    while (*p && *p != '/') p++;
    if (p - begin == size && memcmp(begin, self, static_cast<size_t>(size)) == 0) return true;
  }
  return false;
}

bool proc_file_of_interest(const char* name, size_t size) { return kind_of(name, size) != Kind::kNone; }

i64 proc_file_for_guest(int fd, bool close_on_exec) {
  char path[kPathMax];
  i64 size = describe_fd(fd, path, sizeof path);
  const char* name = last_component(path);
  Kind kind = size > 0 ? kind_of(name, strlen(name)) : Kind::kNone;
  if (kind == Kind::kNone) return fd;
  Copy copy;
  i64 result = copy.make(name);
  if (result == 0) result = rewrite(fd, copy.writer(), kind, path);
  if (result == 0) {
    result = host::call(__NR_lseek, fd, 0, 0);
  } else if (result > 0) {
    result = copy.replace(fd, close_on_exec);
    if (result >= 0) remember_copy(fd, path);
  }
  if (result < 0) host::call(__NR_close, fd);
  return result < 0 ? result : fd;
}

}  // namespace barchan::files
