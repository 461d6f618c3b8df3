#include "monitor/syscalls/proc_status.h"

#include <linux/fcntl.h>

#include "monitor/fds.h"
#include "monitor/guest_limits.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_figures.h"
#include "monitor/syscalls/proc_lines.h"
#include "monitor/syscalls/proc_tasks.h"
#include "monitor/thread.h"

namespace barchan::files {
namespace {

// What the monitor catches for itself: SIGBUS and SIGSEGV (signal/) and, under its own filter, SIGSYS (confine.h).
constexpr int kCaught[] = {7, 11, 31};
constexpr u64 kCaughtSet = u64{1} << (7 - 1) | u64{1} << (11 - 1) | u64{1} << (31 - 1);
constexpr u64 kHandlerDefault = 0, kHandlerIgnore = 1;

u64 parse_number(const char* p, u64 base = 10) {
  u64 value = 0;
  while (*p == ' ' || *p == '\t') p++;
  for (;; p++) {
    u64 digit;
    if (*p >= '0' && *p <= '9') {
      digit = static_cast<u64>(*p - '0');
    } else if (base == 16 && *p >= 'a' && *p <= 'f') {
      digit = static_cast<u64>(*p - 'a' + 10);
    } else {
      return value;
    }
    value = value * base + digit;
  }
}

u64 less(u64 all, u64 part) { return all > part ? all - part : 0; }

// The last number in the path: "/proc/7/task/8/stat" is of 8.
bool is_of_task(const char* path, i32 id) {
  char end[32];
  const char* last = path;
  for (const char* p = path; *p; p++) {
    if (*p == '/') last = p;
  }
  const size_t size = Text(end, sizeof end).put('/').dec(id).size();
  return static_cast<size_t>(last - path) >= size && memcmp(last - size, end, size) == 0;
}

// What one process is to be shown as.
struct Shown {
  const char* path;
  bool own;
  bool guest;          // a monitor's process
  bool known = false;  // `figures` are
  Figures figures = {};
  u32 host_tasks = 0;

  u64 peak(u64 host, u64 now) const { return max(less(host, figures.monitor_size), now); }

  // They are in a set of the host's, of caught or ignored ones, for the monitor's sake. Of another process it cannot be told
  // what the guest has to do with them.
  u64 signals(u64 host, bool (*holds)(const Thread& t, int signo)) const {
    if (!guest) return host;
    u64 mask = host & ~kCaughtSet;
    if (!own) return mask;
    for (const int signo : kCaught) {
      if (holds(current(), signo)) mask |= u64{1} << (signo - 1);
    }
    return mask;
  }
  static bool catches(const Thread& t, int signo) {
    return t.signals->actions[signo].handler != kHandlerDefault &&
           t.signals->actions[signo].handler != kHandlerIgnore;
  }
  static bool ignores(const Thread& t, int signo) {
    return t.signals->actions[signo].handler == kHandlerIgnore;
  }
  u64 caught(u64 host) const { return signals(host, catches); }
  u64 ignored(u64 host) const { return signals(host, ignores); }
  // The host never blocks SIGSEGV and SIGBUS (signals_host_mask()).
  u64 blocked(u64 host) const {
    return own && is_of_task(path, tid_of(current())) ? host | (current().mask & kCaughtSet) : host;
  }
};

// The process's statistics in one line (man 5 proc_pid_stat).
void put_stat(TextOut& out, const char* line, const Shown& shown) {
  enum : int { kThreads = 20, kSize = 23, kResident = 24, kBlocked = 32, kIgnored = 33, kCaught = 34 };
  const char* p = line + strlen(line);
  while (p > line && *p != ')') p--;
  for (const char* q = line; q < p; q++) out.put(*q);
  for (int field = 2; *p;) {
    if (field < kThreads || *p < '0' || *p > '9') {
      field += *p == ' ';
      out.put(*p++);
      continue;
    }
    u64 value = parse_number(p);
    const Figures& figures = shown.figures;
    switch (field) {
      case kThreads: value -= shown.host_tasks; break;
      case kSize: value = shown.known ? figures.size : value; break;
      case kResident: value = less(value, figures.monitor_resident() / kPageSize); break;
      case kBlocked: value = shown.blocked(value); break;
      case kIgnored: value = shown.ignored(value); break;
      case kCaught: value = shown.caught(value); break;
    }
    out.number(value);
    while (*p >= '0' && *p <= '9') p++;
    for (; *p && *p != ' '; p++) out.put(*p);
    if (*p) out.put(*p++);
    field++;
  }
  out.put('\n');
}

// Room for as many descriptors as the kernel would have made room for (fs/file.c, alloc_fdtable()).
u64 descriptor_slots(const char* path) {
  char directory[kPathMax];
  const size_t size = process_directory(path, directory, sizeof directory);
  if (size == 0) return 0;
  Text(directory + size, sizeof directory - size).str("/fd");
  const i64 fd = host::call(__NR_openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  int highest = -1;
  each_guest_fd(
      static_cast<int>(fd),
      [](int number, void* context) {
        int& most = *static_cast<int*>(context);
        most = max(most, number);
      },
      &highest);
  host::call(__NR_close, fd);
  u64 slots = 64;
  if (highest >= 64) slots = 256;
  while (slots <= static_cast<u64>(max(highest, 0))) slots *= 2;
  return slots;
}

void put_hex_set(TextOut& out, u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4) out.put("0123456789abcdef"[value >> shift & 15]);
}

void put_status(TextOut& out, const char* line, const Shown& shown) {
  const Figures& f = shown.figures;
  const char* value = line;
  while (*value && *value != ':') value++;
  if (*value++ != ':') return out.line(line);
  auto is = [&](const char* key) { return starts_with(line, key) && line[strlen(key)] == ':'; };
  auto key = [&] {
    for (const char* p = line; p < value; p++) out.put(*p);
    out.put('\t');
  };
  auto bytes = [&](u64 amount) {
    constexpr size_t kWidth = 8;
    key();
    out.number(amount / 1024, kWidth);
    out.line(" kB");
  };
  auto set = [&](u64 signals) {
    key();
    put_hex_set(out, signals);
    out.put('\n');
  };
  const u64 number = parse_number(value);
  if (is("Threads")) {
    key();
    out.number(number - shown.host_tasks);
    return out.put('\n');
  }
  if (is("FDSize")) {
    const u64 slots = shown.guest ? descriptor_slots(shown.path) : 0;
    if (slots == 0) return out.line(line);
    key();
    out.number(slots);
    return out.put('\n');
  }
  if (is("SigBlk")) return set(shown.blocked(parse_number(value, 16)));
  if (is("SigIgn")) return set(shown.ignored(parse_number(value, 16)));
  if (is("SigCgt")) return set(shown.caught(parse_number(value, 16)));
  if (!shown.known) return out.line(line);
  const u64 host = number * 1024;
  if (is("VmPeak")) return bytes(shown.peak(host, f.size));
  if (is("VmSize")) return bytes(f.size);
  if (is("VmHWM") || is("VmRSS")) return bytes(less(host, f.monitor_resident()));
  if (is("RssAnon")) return bytes(less(host, f.monitor_anon));
  if (is("RssFile")) return bytes(less(host, f.monitor_file));
  if (is("RssShmem")) return bytes(less(host, f.monitor_shmem));
  if (is("VmData")) return bytes(f.data);
  if (is("VmStk")) return bytes(f.stack);
  if (is("VmExe")) return bytes(f.text);
  if (is("VmLib")) return bytes(less(f.executable, f.text));
  if (is("VmSwap")) return bytes(less(host, f.monitor_swap));
  out.line(line);
}

// "size resident shared text lib data dt", in pages.
void put_statm(TextOut& out, const char* line, const Shown& shown) {
  const Figures& f = shown.figures;
  const char* p = line;
  auto next = [&] {
    const u64 value = parse_number(p);
    while (*p && *p != ' ') p++;
    while (*p == ' ') p++;
    return value;
  };
  next();
  const u64 resident = next(), shared = next();
  const u64 values[] = {f.size / kPageSize,
                        less(resident, f.monitor_resident() / kPageSize),
                        less(shared, (f.monitor_file + f.monitor_shmem) / kPageSize),
                        f.text / kPageSize,
                        0,
                        (f.data + f.stack) / kPageSize};
  for (const u64 value : values) {
    out.number(value);
    out.put(' ');
  }
  out.line("0");
}

// Its first line ends in "#threads: 3)".
void put_sched(TextOut& out, const char* line, u32 host_tasks) {
  constexpr char kThreads[] = ", #threads: ";
  const size_t size = strlen(line);
  for (size_t at = size; at-- > 0;) {
    if (!starts_with(line + at, kThreads)) continue;
    const char* number = line + at + sizeof kThreads - 1;
    for (const char* p = line; p < number; p++) out.put(*p);
    out.number(parse_number(number) - host_tasks);
    return out.line(")");
  }
  out.line(line);
}

void pad(TextOut& out, const char* text, size_t width) {
  out.text(text);
  for (size_t n = strlen(text); n < width; n++) out.put(' ');
}

// As the kernel sets /proc/PID/limits (fs/proc/base.c).
constexpr size_t kNameWidth = 26, kValueWidth = 21;

// The host's limit on open files has room for private descriptors; the guest's own is kept in fds.h.
void put_limits(TextOut& out, const char* line, bool own) {
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
    limit(guest_limits::from_host(parse_number(column)));
  }
  out.line(line + kNameWidth + 2 * kValueWidth);
}

}  // namespace

i64 rewrite_status(int from, int to, StatusKind kind, const char* path, bool own) {
  Shown shown = {.path = path, .own = own, .guest = own || is_guest_process(path)};
  if (kind != StatusKind::kLimits) {
    if (kind != StatusKind::kStatm) shown.host_tasks = count_host_tasks(path);
    if (kind != StatusKind::kSched && shown.guest) shown.known = figures_of(path, own, shown.figures);
    if (!shown.known) shown.figures = {};
    if (!shown.known && (kind == StatusKind::kStatm || (!shown.guest && shown.host_tasks == 0))) return 0;
  }
  LineBuffers buffers;
  if (!buffers.get()) return -ENOMEM;
  TextOut out(to, buffers.out, LineBuffers::kOut);
  const i64 error = for_each_line(from, buffers, [&](const char* line) {
    switch (kind) {
      case StatusKind::kStat: return put_stat(out, line, shown);
      case StatusKind::kStatus: return put_status(out, line, shown);
      case StatusKind::kStatm: return put_statm(out, line, shown);
      case StatusKind::kSched: return put_sched(out, line, shown.host_tasks);
      case StatusKind::kLimits: return put_limits(out, line, own);
    }
  });
  if (error < 0) return error;
  return out.finish() ? 1 : -ENOMEM;
}

}  // namespace barchan::files
