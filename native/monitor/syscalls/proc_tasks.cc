#include "monitor/syscalls/proc_tasks.h"

#include <linux/fcntl.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/fds.h"
#include "monitor/process.h"
#include "monitor/debug/debug.h"
#include "monitor/ring/ring.h"
#include "monitor/syscalls/paths.h"

namespace barchan::files {
namespace {

// include/linux/sched.h: a kernel's worker in a user process (6.4). No program can set it on a thread of its own.
constexpr u64 kUserWorker = 0x4000;
constexpr int kFlagsField = 9;  // of /proc/PID/stat (man 5 proc)

struct Entry {  // struct linux_dirent64
  u64 inode;
  i64 offset;
  u16 length;
  u8 type;
  char name[];
};
constexpr size_t kNameAt = 19;

// Calls f(name) for each entry of the directory, but not for `.` and `..`.
template <typename F> void each_entry(int fd, F f) {
  alignas(8) char entries[2048];
  for (i64 n; (n = host::call(__NR_getdents64, fd, entries, sizeof entries)) > 0;) {
    for (i64 at = 0; at < n;) {
      u16 size;
      memcpy(&size, entries + at + offsetof(Entry, length), sizeof size);
      const char* name = entries + at + kNameAt;
      if (name[0] != '.') f(name);
      at += size;
    }
  }
}

// What the kernel counts in the link count or the size of a directory.
enum class Counting { kNothing, kTasks, kDescriptors };

}  // namespace

bool is_host_task(int tasks, const char* id) {
  const i32 hidden[] = {ring::executor_id(), debug::server_id()};
  for (const i32 own : hidden)
    if (own != 0 && parse_decimal(id) == own) return true;
  char text[512];
  Text path(text, sizeof text);
  path.str(id).str("/stat");
  i64 fd = host::call(__NR_openat, tasks, path.data(), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  i64 n = host::call(__NR_read, fd, text, sizeof text - 1);
  host::call(__NR_close, fd);
  if (n <= 0) return false;
  text[n] = 0;
  // "id (name) state ...": a name may hold blanks and brackets, so count from the last bracket.
  const char* p = text + n;
  while (p > text && *p != ')') p--;
  const char* name = text;
  while (*name && *name != '(') name++;
  // Those of another process, which have named themselves (ring/executor.cc, debug/server.cc).
  if (*p == ')' && (starts_with(name, "(barchan-ring)") || starts_with(name, "(barchan-debug)"))) return true;
  if (*p != ')' || !starts_with(name, "(kvm-")) return false;
  for (int field = 2; field < kFlagsField && *p; p++) field += *p == ' ';
  u64 flags = 0;
  for (; *p >= '0' && *p <= '9'; p++) flags = flags * 10 + static_cast<u64>(*p - '0');
  return flags & kUserWorker;
}

u32 count_host_tasks(const char* path) {
  char directory[kPathMax];
  size_t length = 0, end = 0;
  for (; path[length] && length + sizeof "/task" < sizeof directory; length++) {
    directory[length] = path[length];
    if (path[length] == '/') end = length;
    if (starts_with(path + length, "/task/")) break;
  }
  if (starts_with(path + length, "/task/")) end = length;
  memcpy(directory + end, "/task", sizeof "/task");
  i64 fd = host::call(__NR_openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  u32 count = 0;
  each_entry(static_cast<int>(fd),
             [&](const char* name) { count += is_host_task(static_cast<int>(fd), name); });
  host::call(__NR_close, fd);
  return count;
}

void each_guest_fd(int directory, void (*each)(int number, void* context), void* context) {
  each_entry(directory, [&](const char* name) {
    const int number = static_cast<int>(parse_decimal(name));
    if (number >= 0 && !is_private(number)) each(number, context);
  });
}

static Counting counting_of(int fd) {
  if (!is_on_proc(fd)) return Counting::kNothing;
  char name[kPathMax];
  const i64 size = describe_fd(fd, name, sizeof name);
  auto ends_in = [&](const char* what) {
    const i64 length = static_cast<i64>(strlen(what));
    return size >= length && strcmp(name + size - length, what) == 0;
  };
  if (ends_in("/fd")) return Counting::kDescriptors;
  return ends_in("/task") ? Counting::kTasks : Counting::kNothing;
}

void show_guest_counts(int directory, u64& links, i64& size) {
  const Counting counting = counting_of(directory);
  if (counting == Counting::kNothing || (counting == Counting::kDescriptors && size == 0)) return;
  // `directory` may be an O_PATH descriptor, and reading it would move the guest's position. Hidden, the new one counts
  // as little as the rest of the monitor's.
  i64 fd = host::call(__NR_openat, directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd >= 0) fd = fd_hide(static_cast<int>(fd));
  if (fd < 0) return;
  u32 hidden = 0, shown = 0;
  each_entry(static_cast<int>(fd), [&](const char* name) {
    if (counting == Counting::kTasks) {
      hidden += is_host_task(static_cast<int>(fd), name);
    } else {
      shown += !is_private(static_cast<int>(parse_decimal(name)));
    }
  });
  host::call(__NR_close, fd);
  if (counting == Counting::kTasks) {
    links -= hidden;
  } else {
    size = shown;
  }
}

}  // namespace barchan::files
