#include "monitor/syscalls/proc_rollup.h"

#include <linux/fcntl.h>

#include "abi/layout.h"
#include "monitor/process.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_figures.h"
#include "monitor/syscalls/proc_lines.h"
#include "monitor/syscalls/proc_maps.h"

namespace barchan::files {
namespace {

// The figures of smaps by their names, summed up over the guest's mappings.
class Sums {
 public:
  // One line of smaps.
  void line(const char* text) {
    MapsLine head;
    if (parse_maps_line(text, head)) {
      close_mapping();
      shown_ = head.start >= BARCHAN_ARENA_START && head.start < BARCHAN_ARENA_END;
      if (!shown_) return;
      first_ = min(first_, head.start);
      last_ = max(last_, head.end);
      shared_memory_ = head.perms[3] == 's' && !starts_with(head.name(), "/")
                           ? true
                           : starts_with(head.name(), "/memfd:") || starts_with(head.name(), "/dev/shm/") ||
                                 starts_with(head.name(), "/SYSV") || starts_with(head.name(), "/dev/zero");
      return;
    }
    const size_t size = name_size(text);
    if (!shown_ || size == 0) return;
    const u64 value = value_of(text + size);
    if (is(text, size, "Pss:")) share_ = value;
    if (is(text, size, "Anonymous:")) anonymous_ = value;
    add(text, size, value);
  }
  // After the last line.
  void finish() {
    close_mapping();
    add("Pss_Anon:", 9, pss_anonymous_);
    add("Pss_File:", 9, pss_file_);
    add("Pss_Shmem:", 10, pss_shared_memory_);
  }
  u64 first() const { return first_; }
  u64 last() const { return last_; }
  // Of a line of smaps_rollup; false when smaps has nothing of that name.
  bool find(const char* text, u64& value) const {
    const size_t size = name_size(text);
    for (u32 i = 0; size != 0 && i < used_; i++) {
      if (entries_[i].size != size || memcmp(entries_[i].name, text, size) != 0) continue;
      value = entries_[i].value;
      return true;
    }
    return false;
  }

 private:
  struct Entry {
    char name[24];
    size_t size;
    u64 value;
  };

  // "Rss:" of "Rss:                1548 kB"; 0 for other lines.
  static size_t name_size(const char* text) {
    size_t size = 0;
    while (text[size] && text[size] != ' ' && text[size] != ':') size++;
    return text[size] == ':' && size + 1 <= sizeof Entry::name ? size + 1 : 0;
  }
  static u64 value_of(const char* p) {
    u64 value = 0;
    while (*p == ' ') p++;
    for (; *p >= '0' && *p <= '9'; p++) value = value * 10 + static_cast<u64>(*p - '0');
    return value;
  }
  static bool is(const char* text, size_t size, const char* name) {
    return strlen(name) == size && memcmp(text, name, size) == 0;
  }
  void add(const char* name, size_t size, u64 value) {
    for (u32 i = 0; i < used_; i++) {
      if (entries_[i].size == size && memcmp(entries_[i].name, name, size) == 0) {
        entries_[i].value += value;
        return;
      }
    }
    if (used_ == sizeof entries_ / sizeof *entries_) return;
    Entry& entry = entries_[used_++];
    memcpy(entry.name, name, size);
    entry.size = size;
    entry.value = value;
  }
  // smaps does not part the proportional share by kinds of pages: what is anonymous in a mapping is the process's alone, but
  // for pages that it shares with a child.
  void close_mapping() {
    if (!shown_) return;
    const u64 anonymous = shared_memory_ ? 0 : min(anonymous_, share_);
    pss_anonymous_ += anonymous;
    (shared_memory_ ? pss_shared_memory_ : pss_file_) += share_ - anonymous;
    share_ = anonymous_ = 0;
    shown_ = false;
  }

  Entry entries_[40];
  u32 used_ = 0;
  u64 first_ = ~u64{0}, last_ = 0;
  bool shown_ = false, shared_memory_ = false;
  u64 share_ = 0, anonymous_ = 0;
  u64 pss_anonymous_ = 0, pss_file_ = 0, pss_shared_memory_ = 0;
};

void put_hex(TextOut& out, u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    if (shift < 32 || value >> shift) out.put("0123456789abcdef"[value >> shift & 15]);
  }
}

}  // namespace

i64 rewrite_rollup(int from, int to, const char* path) {
  char smaps[kPathMax];
  const size_t size = process_directory(path, smaps, sizeof smaps);
  if (size == 0) return -ENOMEM;
  Text(smaps + size, sizeof smaps - size).str("/smaps");
  const i64 fd = host::call(__NR_openat, AT_FDCWD, smaps, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  if (fd < 0) return fd;
  LineBuffers buffers;
  Sums sums;
  i64 error = !is_on_proc(static_cast<int>(fd)) ? -EACCES : buffers.get() ? 0 : -ENOMEM;
  if (error == 0)
    error = for_each_line(static_cast<int>(fd), buffers, [&](const char* line) { sums.line(line); });
  host::call(__NR_close, fd);
  if (error < 0) return error;
  sums.finish();
  TextOut out(to, buffers.out, LineBuffers::kOut);
  error = for_each_line(from, buffers, [&](const char* line) {
    MapsLine head;
    u64 value;
    if (parse_maps_line(line, head)) {
      if (sums.last() == 0) return;
      put_hex(out, sums.first());
      out.put('-');
      put_hex(out, sums.last());
      while (*line && *line != ' ') line++;
      out.line(line);
    } else if (sums.find(line, value)) {
      // SEQ_PUT_DEC("Rss:            ", ...): 16 columns and a number of 8 (fs/proc/task_mmu.c).
      constexpr size_t kName = 16, kNumber = 8;
      size_t width = 0;
      for (; line[width] != ':'; width++) out.put(line[width]);
      out.put(':');
      for (width++; width < kName; width++) out.put(' ');
      out.number(value, kNumber);
      out.line(" kB");
    } else {
      out.line(line);
    }
  });
  if (error < 0) return error;
  return out.finish() ? 0 : -ENOMEM;
}

}  // namespace barchan::files
