#include "supervisor/family.h"

#include <linux/fcntl.h>

#include "host/string.h"
#include "host/syscall.h"

namespace barchan::supervisor {
namespace {

// More than any sane pid_max in use at once by one machine; the rest is found in the next round.
constexpr u32 kMost = 1u << 16;

struct Entry {
  i32 pid;
  i32 parent;
  bool ours;
};
Entry entries[kMost];
alignas(8) char directory[32 * 1024];

// linux_dirent64 as getdents64(2) writes it.
struct DirectoryEntry {
  u64 inode;
  i64 offset;
  u16 size;
  u8 type;
  char name[];
};

i64 read_parent(int proc, i64 pid) {
  char path[32];
  Text(path, sizeof path).dec(pid).str("/stat");
  const i64 fd = host::call(__NR_openat, proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  char stat[512];
  const i64 size = host::call(__NR_read, fd, stat, sizeof stat);
  host::call(__NR_close, fd);
  return size > 0 ? parent_of(stat, static_cast<size_t>(size)) : -1;
}

// Fills `entries` with every process and its parent; returns how many, or -errno.
i64 list_processes() {
  const i64 proc = host::call(__NR_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return proc;
  u32 count = 0;
  i64 size;
  while ((size = host::call(__NR_getdents64, proc, directory, sizeof directory)) > 0) {
    for (i64 at = 0; at < size && count < kMost;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(directory + at);
      at += entry->size;
      const i64 pid = parse_decimal(entry->name);
      if (pid <= 0) continue;
      const i64 parent = read_parent(static_cast<int>(proc), pid);
      if (parent > 0) entries[count++] = {static_cast<i32>(pid), static_cast<i32>(parent), false};
    }
  }
  host::call(__NR_close, proc);
  return count;
}

bool is_ours(i32 pid, u32 count) {
  for (u32 i = 0; i < count; i++)
    if (entries[i].pid == pid) return entries[i].ours;
  return false;
}

}  // namespace

i64 signal_family(int signal) {
  const i64 listed = list_processes();
  if (listed < 0) return listed;
  const u32 count = static_cast<u32>(listed);
  const auto self = static_cast<i32>(host::call(__NR_getpid));
  // Pids mostly grow with generations, so that one or two passes are enough.
  for (bool changed = true; changed;) {
    changed = false;
    for (u32 i = 0; i < count; i++) {
      if (entries[i].ours) continue;
      if (entries[i].parent == self || is_ours(entries[i].parent, count)) entries[i].ours = changed = true;
    }
  }
  i64 sent = 0;
  for (u32 i = 0; i < count; i++)
    if (entries[i].ours && host::call(__NR_kill, entries[i].pid, signal) == 0) sent++;
  return sent;
}

}  // namespace barchan::supervisor
