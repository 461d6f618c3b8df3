#include "monitor/syscalls/proc_files.h"

#include <linux/fcntl.h>

#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_figures.h"
#include "monitor/syscalls/proc_lines.h"
#include "monitor/syscalls/proc_maps.h"
#include "monitor/syscalls/proc_mem.h"
#include "monitor/syscalls/proc_rollup.h"
#include "monitor/syscalls/proc_status.h"

namespace barchan::files {
namespace {

enum class Kind {
  kNone,
  kMaps,
  kSmaps,
  kRollup,
  kNumaMaps,
  kStat,
  kStatus,
  kStatm,
  kSched,
  kLimits,
  kSyscall,
  kPagemap
};

struct Name {
  const char* text;
  Kind kind;
};
constexpr Name kNames[] = {
    {"maps", Kind::kMaps},          {"smaps", Kind::kSmaps},     {"smaps_rollup", Kind::kRollup},
    {"numa_maps", Kind::kNumaMaps}, {"stat", Kind::kStat},       {"status", Kind::kStatus},
    {"statm", Kind::kStatm},        {"sched", Kind::kSched},     {"limits", Kind::kLimits},
    {"syscall", Kind::kSyscall},    {"pagemap", Kind::kPagemap},
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

Kind kind_of(const char* path) {
  const char* name = last_component(path);
  return kind_of(name, strlen(name));
}

// A line at a time, as it is.
i64 copy_text(int from, int to) {
  LineBuffers buffers;
  if (!buffers.get()) return -ENOMEM;
  TextOut out(to, buffers.out, LineBuffers::kOut);
  const i64 error = for_each_line(from, buffers, [&](const char* line) { out.line(line); });
  return error == 0 && !out.finish() ? -ENOMEM : error;
}

}  // namespace

i64 rewrite_proc_file(int from, int to, const char* path) {
  const bool own = is_own_proc_path(path);
  const Kind kind = kind_of(path);
  i64 error = 0;
  switch (kind) {
    case Kind::kNone:
    case Kind::kPagemap: return 0;
    case Kind::kMaps:
    case Kind::kSmaps:
    case Kind::kNumaMaps: {
      if (!own && !may_be_guest_process(path)) return 0;
      const MapsKind maps = kind == Kind::kMaps    ? MapsKind::kMaps
                            : kind == Kind::kSmaps ? MapsKind::kSmaps
                                                   : MapsKind::kNumaMaps;
      error = rewrite_maps(from, to, maps, path, own);
      break;
    }
    case Kind::kRollup:
      if (!own && !may_be_guest_process(path)) return 0;
      error = rewrite_rollup(from, to, path);
      break;
    case Kind::kSyscall: {
      // The host's line has the monitor's call, stack and instruction pointer.
      constexpr char kRunning[] = "running\n";
      if (!own && !may_be_guest_process(path)) return 0;
      const i64 n = host::call(__NR_write, to, kRunning, sizeof kRunning - 1);
      if (n != sizeof kRunning - 1) error = n < 0 ? n : -ENOMEM;
      break;
    }
    case Kind::kStat: return rewrite_status(from, to, StatusKind::kStat, path, own);
    case Kind::kStatus: return rewrite_status(from, to, StatusKind::kStatus, path, own);
    case Kind::kStatm: return rewrite_status(from, to, StatusKind::kStatm, path, own);
    case Kind::kSched: return rewrite_status(from, to, StatusKind::kSched, path, own);
    case Kind::kLimits: return rewrite_status(from, to, StatusKind::kLimits, path, own);
  }
  return error < 0 ? error : 1;
}

i64 write_proc_file(int from, int to, const char* path) {
  const i64 result = rewrite_proc_file(from, to, path);
  if (result != 0) return min<i64>(result, 0);
  const i64 error = host::call(__NR_lseek, from, 0, 0);
  return error < 0 ? error : copy_text(from, to);
}

bool is_proc_file_of_memory(const char* path) {
  const Kind kind = kind_of(path);
  return kind == Kind::kMaps || kind == Kind::kSmaps || kind == Kind::kRollup || kind == Kind::kNumaMaps;
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
  const i64 size = describe_fd(fd, path, sizeof path);
  if (size <= 0 || kind_of(path) == Kind::kNone) return fd;
  if (kind_of(path) == Kind::kPagemap) return stand_in_at(fd, close_on_exec);
  const i64 result = copy_for_guest(fd, path, close_on_exec);
  if (result >= 0) return fd;
  host::call(__NR_close, fd);
  return result;
}

}  // namespace barchan::files
