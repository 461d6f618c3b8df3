#include "runtime/cgroup_folders.h"

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/signal.h>

#include "host/syscall.h"
#include "runtime/fail.h"
#include "runtime/file.h"

namespace barchan::runtime {
namespace {

constexpr char kHierarchies[] = "/sys/fs/cgroup/";
constexpr u32 kTries = 200;
constexpr i64 kPause = 10'000'000;  // 10 ms

// The text up to `end`; moves `rest` behind it.
Slice take(Slice& rest, char end) {
  size_t size = 0;
  while (size < rest.size && rest.data[size] != end) size++;
  const Slice part = {rest.data, size};
  rest = rest.from(min(size + 1, rest.size));
  return part;
}

bool names(Slice path, Slice id) {
  const Slice name = base_name(path);
  return name.size >= id.size && name.from(name.size - id.size) == id;
}

// Where a hierarchy is not mounted, whoever writes to it leaves a usual folder and a file of numbers that mean nothing any more.
bool is_cgroup(const char* folder) {
  struct statfs about;
  if (host::call(__NR_statfs, folder, &about) < 0) return false;
  return about.f_type == CGROUP_SUPER_MAGIC || about.f_type == CGROUP2_SUPER_MAGIC;
}

// True when there was somebody to kill.
bool kill_all(const char* folder) {
  Slice pids;
  if (read_file(memory(), AT_FDCWD, memory().join(folder, "/cgroup.procs"), pids) < 0) return false;
  bool any = false;
  while (!pids.is_empty()) {
    const i64 pid = parse_decimal(memory().copy(take(pids, '\n')));
    if (pid > 1) any |= host::call(__NR_kill, pid, SIGKILL) == 0;
  }
  return any;
}

void remove_group(const char* folder, bool ours) {
  if (!is_cgroup(folder)) return;
  for (u32 tries = 0; ours && tries < kTries && kill_all(folder); tries++) {
    const i64 pause[2] = {0, kPause};
    host::call(__NR_nanosleep, pause, nullptr);
  }
  host::call(__NR_unlinkat, AT_FDCWD, folder, AT_REMOVEDIR);
}

// `hierarchy`: empty for version 2, which is mounted at the top, or beside the others at unified.
void remove_in(Slice hierarchy, Slice group, Slice path, bool ours) {
  const bool version2 = hierarchy.is_empty();
  const Slice places[] = {version2 ? Slice("unified/") : Slice(memory().join(hierarchy, "/")), ""};
  for (u32 i = 0; i < (version2 ? 2 : 1); i++) {
    const Slice base(memory().join(kHierarchies, places[i]));
    remove_group(memory().join(base, group, "/", path), ours);
    remove_group(memory().join(base, path), ours);
  }
}

bool is_plain(Slice path) {
  while (!path.is_empty()) {
    const Slice part = take(path, '/');
    if (part == Slice("..")) return false;
    for (size_t i = 0; i < part.size; i++) {
      if (part.data[i] == ':') return false;
    }
  }
  return true;
}

}  // namespace

void remove_cgroups(const char* path, const char* id) {
  Slice groups;
  if (!is_plain(path) || read_file(memory(), AT_FDCWD, "/proc/self/cgroup", groups) < 0) return;
  while (!groups.is_empty()) {  // N:controllers:path
    Slice line = take(groups, '\n');
    take(line, ':');
    Slice controllers = take(line, ':');
    if (begins_with(controllers, "name=")) controllers = controllers.from(5);
    remove_in(controllers, line, path, names(path, id));
  }
}

}  // namespace barchan::runtime
