#include "monitor/syscalls/proc_figures.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

#include "abi/layout.h"
#include "monitor/mm/mm.h"
#include "monitor/process.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_lines.h"
#include "monitor/syscalls/proc_maps.h"

namespace barchan::files {
namespace {

// An entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
constexpr u64 kPresent = u64{1} << 63, kSwapped = u64{1} << 62, kFileOrShared = u64{1} << 61;

// A descriptor of one look at a process.
class Opened {
 public:
  Opened(const char* directory, const char* name) {
    char path[kPathMax + 16];
    Text(path, sizeof path).str(directory).put('/').str(name);
    fd_ = host::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  }
  ~Opened() {
    if (fd_ >= 0) host::call(__NR_close, fd_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  bool good() const { return fd_ >= 0 && is_on_proc(static_cast<int>(fd_)); }
  int fd() const { return static_cast<int>(fd_); }

 private:
  i64 fd_;
};

// Calls each(address, entry) for the pages of [start, end) that are present or swapped out.
template <typename Each> void each_page(int pagemap, u64 start, u64 end, Each each) {
  u64 entries[128];
  for (u64 at = start; at < end;) {
    const u64 pages = min<u64>((end - at) / kPageSize, 128);
    const i64 n =
        host::call(__NR_pread64, pagemap, entries, pages * sizeof *entries, at / kPageSize * sizeof *entries);
    if (n <= 0) return;
    const u64 got = static_cast<u64>(n) / sizeof *entries;
    for (u64 i = 0; i < got; i++) {
      if (entries[i] & (kPresent | kSwapped)) each(at + i * kPageSize, entries[i]);
    }
    at += got * kPageSize;
    if (got == 0) return;
  }
}

// Mappings without a file that are shared, and files in memory, are counted as shared memory (mm_counter_file()).
bool is_shmem(const MapsLine& line, const char* name) {
  return line.perms[3] == 's' && (starts_with(name, "/memfd:") || starts_with(name, "/dev/zero") ||
                                  starts_with(name, "/SYSV") || starts_with(name, "/dev/shm/"));
}

// The monitor's: what of it is in memory.
void add_monitor(const MapsLine& line, int pagemap, Figures& figures) {
  figures.monitor_size += line.end - line.start;
  if (line.perms[0] == '-' && line.perms[1] == '-' && line.perms[2] == '-') return;
  const bool shmem = is_shmem(line, line.name());
  each_page(pagemap, line.start, line.end, [&](u64, u64 entry) {
    u64& kind = entry & kSwapped           ? figures.monitor_swap
                : !(entry & kFileOrShared) ? figures.monitor_anon
                : shmem                    ? figures.monitor_shmem
                                           : figures.monitor_file;
    kind += kPageSize;
  });
}

// Linux: vm_stat_account(), is_exec_mapping(), is_stack_mapping(), is_data_mapping().
void add_guest(u64 size, bool writable, bool executable, bool shared, bool stack, Figures& figures) {
  figures.size += size;
  if (executable && !writable && !stack) figures.executable += size;
  if (stack) {
    figures.stack += size;
  } else if (writable && !shared) {
    figures.data += size;
  }
}

void add_own(const MapsLine& line, Figures& figures) {
  mm::Mapping mapping;
  for (u64 at = line.start; at < line.end && mm::next_mapping(at, mapping) && mapping.start < line.end;) {
    const u64 start = max(at, mapping.start), end = min(line.end, mapping.end);
    const bool stack = start < program.stack_top && mapping.end >= program.stack_top;
    add_guest(end - start, mapping.prot & PROT_WRITE, mapping.prot & PROT_EXEC, line.perms[3] == 's', stack,
              figures);
    at = end;
  }
}

u64 stack_start(const MapsLine& line, int pagemap) {
  constexpr u64 kAtFirst =
      128 << 10;  // that an exec makes it large enough for (fs/exec.c, setup_arg_pages())
  u64 lowest = line.end - min(line.end - line.start, kAtFirst);
  each_page(pagemap, line.start, lowest, [&](u64 at, u64) { lowest = min(lowest, at); });
  return lowest;
}

void add_others(const MapsLine& line, int pagemap, Figures& figures) {
  const bool stack = starts_with(line.name(), "[stack]");
  const u64 start = stack ? stack_start(line, pagemap) : line.start;
  add_guest(line.end - start, line.perms[1] == 'w', line.perms[2] == 'x', line.perms[3] == 's', stack,
            figures);
}

// Fields 26 and 27 of `stat`: the program's code, which the monitor has told the host of (image/identity.cc). The host's own
// figure is no more than what is executable to it.
u64 text_size(const char* directory) {
  constexpr int kStart = 26, kEnd = 27;
  Opened stat(directory, "stat");
  char text[1024];
  const i64 n = stat.good() ? host::call(__NR_read, stat.fd(), text, sizeof text - 1) : 0;
  if (n <= 0) return 0;
  text[n] = 0;
  const char* p = text + n;
  while (p > text && *p != ')') p--;
  u64 range[2] = {};
  for (int field = 2; *p && field <= kEnd; p++) {
    if (*p == ' ') {
      field++;
    } else if ((field == kStart || field == kEnd) && *p >= '0' && *p <= '9') {
      range[field - kStart] = range[field - kStart] * 10 + static_cast<u64>(*p - '0');
    }
  }
  return range[1] > range[0] ? page_up(range[1]) - page_down(range[0]) : 0;
}

}  // namespace

size_t process_directory(const char* path, char* to, size_t capacity) {
  constexpr char kTask[] = "/task/";
  constexpr size_t kName = 12;
  size_t end = 0;
  for (size_t at = 0; path[at]; at++) {
    if (path[at] == '/') end = at;
    if (starts_with(path + at, kTask)) break;
  }
  if (end + kName >= capacity) return 0;
  memcpy(to, path, end);
  to[end] = 0;
  return end;
}

namespace {

// What the link `path` says, NUL-terminated; an empty text when that cannot be told.
void read_link(const char* path, char (&to)[kPathMax]) {
  const i64 size = host::call(__NR_readlinkat, AT_FDCWD, path, to, sizeof to - 1);
  to[size > 0 ? size : 0] = 0;
}

bool is_guest(const char* path, bool when_unknown) {
  char exe[kPathMax];
  const size_t size = process_directory(path, exe, sizeof exe);
  if (size == 0) return when_unknown;
  Text(exe + size, sizeof exe - size).str("/exe");
  struct stat status;
  if (host::call(__NR_newfstatat, AT_FDCWD, exe, &status, 0) < 0) return when_unknown;
  if (is_image(status.st_dev, status.st_ino)) return true;
  // Programs that came to a container one by one have copies of the image, of the same name.
  Scratch<16> memory;
  using Link = char[kPathMax];
  Link* links = static_cast<Link*>(memory.get(2 * sizeof(Link)));
  if (!links) return when_unknown;
  read_link(exe, links[0]);
  read_link("/proc/thread-self/exe", links[1]);
  return links[0][0] != 0 && strcmp(links[0], links[1]) == 0;
}

}  // namespace

u64 others_stack_start(const char* path, const MapsLine& line) {
  char directory[kPathMax];
  if (process_directory(path, directory, sizeof directory) == 0) return line.start;
  Opened pagemap(directory, "pagemap");
  return pagemap.good() ? stack_start(line, pagemap.fd()) : line.start;
}

bool is_guest_process(const char* path) { return is_guest(path, false); }
bool may_be_guest_process(const char* path) { return is_guest(path, true); }

bool figures_of(const char* path, bool own, Figures& figures) {
  char directory[kPathMax];
  if (process_directory(path, directory, sizeof directory) == 0) return false;
  if (!own && !is_guest_process(path)) return false;
  Opened maps(directory, "maps"), pagemap(directory, "pagemap");
  LineBuffers buffers;
  if (!maps.good() || !pagemap.good() || !buffers.get()) return false;
  const i64 error = for_each_line(maps.fd(), buffers, [&](const char* text) {
    MapsLine line;
    if (!parse_maps_line(text, line) || line.start >= kVsyscallPage) return;
    if (line.start >= BARCHAN_ARENA_END) {
      add_monitor(line, pagemap.fd(), figures);
    } else {
      const u64 before = figures.size;
      if (own) {
        add_own(line, figures);
      } else {
        add_others(line, pagemap.fd(), figures);
      }
      figures.monitor_size += line.end - line.start - (figures.size - before);
    }
  });
  figures.text = text_size(directory);
  return error == 0 && figures.size != 0;
}

}  // namespace barchan::files
