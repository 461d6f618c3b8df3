// The host's vdso and its data pages, moved into the arena: the guest reads the clock without leaving.
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/mm/space.h"

namespace barchan::mm {
namespace {

struct Range {
  u64 start, end;
  bool code;
};
constexpr u32 kMaxRanges = 4;  // [vvar], [vvar_vclock], [vdso]

u64 parse_hex(const char*& p) {
  u64 value = 0;
  for (;; p++) {
    if (*p >= '0' && *p <= '9') {
      value = value << 4 | static_cast<u64>(*p - '0');
    } else if (*p >= 'a' && *p <= 'f') {
      value = value << 4 | static_cast<u64>(*p - 'a' + 10);
    } else {
      return value;
    }
  }
}

u32 parse_line(const char* line, Range* ranges, u32 count) {
  const char* name = line;
  while (*name && *name != '[') name++;
  const bool data = starts_with(name, "[vvar");
  const bool code = starts_with(name, "[vdso]");
  if (!(data || code) || count == kMaxRanges) return count;
  const char* p = line;
  ranges[count].start = parse_hex(p);
  if (*p++ != '-') return count;
  ranges[count].end = parse_hex(p);
  ranges[count].code = code;
  return count + 1;
}

// Reads /proc/self/maps (man 5 proc). 0 when /proc is not there.
u32 find_ranges(Range* ranges) {
  const i64 fd = host::call(__NR_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  u32 count = 0;
  char line[512];
  size_t length = 0;
  static char buffer[4096];
  for (i64 n; (n = host::call(__NR_read, fd, buffer, sizeof buffer)) > 0;) {
    for (i64 i = 0; i < n; i++) {
      if (buffer[i] != '\n') {
        if (length + 1 < sizeof line) line[length++] = buffer[i];
        continue;
      }
      line[length] = 0;
      length = 0;
      count = parse_line(line, ranges, count);
    }
  }
  host::call(__NR_close, fd);
  return count;
}

}  // namespace

u64 map_vdso() {
  Range ranges[kMaxRanges];
  const u32 count = find_ranges(ranges);
  if (count < 2) return 0;
  // The code finds its data at a fixed distance: the parts must be neighbours and move together.
  for (u32 i = 1; i < count; i++)
    if (ranges[i].start != ranges[i - 1].end) return 0;
  const u64 start = ranges[0].start, size = ranges[count - 1].end - start;
  SpaceGuard guard;
  // Above the stack, off the mmap area, as Linux has it.
  const u64 to =
      space.vmas.gap_above(space.layout.stack_top + (1 << 20), space.layout.exe_base, size, kPageSize);
  if (!to) return 0;
  u64 entry = 0;
  for (u32 i = 0; i < count; i++) {
    const u64 length = ranges[i].end - ranges[i].start, at = to + (ranges[i].start - start);
    const i64 moved =
        host::call(__NR_mremap, ranges[i].start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, at);
    if (host::is_error(moved)) return 0;  // sealed system mappings: the guest uses system calls instead
    const u8 prot = ranges[i].code ? PROT_READ | PROT_EXEC : PROT_READ;
    // The host's own mapping of the code stays executable otherwise.
    if (ranges[i].code) host::call(__NR_mprotect, at, length, PROT_READ);
    space.vmas.insert(at, at + length, prot, kVmaSpecial);
    fill_eagerly(at, at + length, prot);
    if (ranges[i].code) entry = at;
  }
  return entry;
}

}  // namespace barchan::mm
