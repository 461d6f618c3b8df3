// getdents and getdents64. The fd and fdinfo directories of procfs are listed without private descriptors, task
// directories without threads of the host kernel, map_files without mappings of monitors.
#include <linux/fs.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_tasks.h"

namespace barchan {
namespace {

constexpr u64 kListing = 8192;  // enough for any one entry; a reader that gave more room asks again

struct Format {
  size_t name;  // offset of the name in an entry
};
constexpr Format kOld = {18}, kNew = {19};
constexpr size_t kNextAt = 8;     // u64 d_off in both: where the entry behind it is
constexpr size_t kLengthAt = 16;  // u16 d_reclen in both

enum class Listing { kPlain, kDescriptors, kTasks, kMappings };

Listing listing_of(int fd) {
  if (!files::is_on_proc(fd)) return Listing::kPlain;
  char name[kPathMax];
  i64 size = files::describe_fd(fd, name, sizeof name);
  auto ends_in = [&](const char* what) {
    i64 length = static_cast<i64>(strlen(what));
    return size >= length && strcmp(name + size - length, what) == 0;
  };
  if (ends_in("/fd") || ends_in("/fdinfo")) return Listing::kDescriptors;
  if (ends_in("/map_files")) return Listing::kMappings;
  return ends_in("/task") ? Listing::kTasks : Listing::kPlain;
}

bool hides(int directory, Listing listing, const char* name) {
  if (listing == Listing::kMappings) return files::hides_mapping(name);
  i64 number = parse_decimal(name);
  if (number < 0) return false;
  return listing == Listing::kTasks ? files::is_host_task(directory, name)
                                    : is_private(static_cast<int>(number));
}

// Drops entries that are not the guest's from `size` bytes of the kernel's making. Returns the bytes left.
size_t filter(int directory, Listing listing, u8* entries, size_t size, const Format& format) {
  size_t kept = 0;
  for (size_t at = 0; at < size;) {
    u16 length;
    memcpy(&length, entries + at + kLengthAt, sizeof length);
    if (!hides(directory, listing, reinterpret_cast<const char*>(entries + at + format.name))) {
      memmove(entries + kept, entries + at, length);
      kept += length;
    }
    at += length;
  }
  return kept;
}

// Puts the directory behind the hidden entries that come next at `position`, which a guest's room may be too small
// for. `entries` has room for kListing bytes. False: there is none.
bool step_over_hidden(Thread& t, const Call& c, Listing listing, u8* entries, i64 position,
                      const Format& format) {
  const int fd = static_cast<int>(c.arg[0]);
  const i64 size = t.host(static_cast<i64>(c.nr), fd, entries, kListing);
  u64 next = static_cast<u64>(position);
  i64 at = 0;
  while (at < size && hides(fd, listing, reinterpret_cast<const char*>(entries + at + format.name))) {
    u16 length;
    memcpy(&next, entries + at + kNextAt, sizeof next);
    memcpy(&length, entries + at + kLengthAt, sizeof length);
    at += length;
  }
  host::call(__NR_lseek, fd, next, SEEK_SET);
  return at != 0;
}

i64 list(Thread& t, const Call& c, const Format& format) {
  int fd = static_cast<int>(c.arg[0]);
  Listing listing = listing_of(fd);
  if (listing == Listing::kPlain) {
    return t.host(static_cast<i64>(c.nr), fd, c.arg[1], static_cast<u32>(c.arg[2]));
  }
  alignas(8) u8 entries[kListing];
  u32 capacity = static_cast<u32>(min<u64>(static_cast<u32>(c.arg[2]), sizeof entries));
  for (;;) {
    i64 position = host::call(__NR_lseek, fd, 0, SEEK_CUR);
    i64 size = t.host(static_cast<i64>(c.nr), fd, entries, capacity);
    if (size == -EINVAL && step_over_hidden(t, c, listing, entries, position, format)) continue;
    if (size <= 0) return size;
    size_t kept = filter(fd, listing, entries, static_cast<size_t>(size), format);
    if (kept == 0) continue;
    if (copy_to_guest(c.arg[1], entries, kept) == 0) return static_cast<i64>(kept);
    host::call(__NR_lseek, fd, position, SEEK_SET);  // what the guest did not get is not read
    return -EFAULT;
  }
}

}  // namespace

i64 sys_getdents(Thread& t, const Call& c) { return list(t, c, kOld); }
i64 sys_getdents64(Thread& t, const Call& c) { return list(t, c, kNew); }

}  // namespace barchan
