#include "runtime/program_check.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "host/syscall.h"
#include "runtime/schema.h"

namespace barchan::runtime {
namespace {

using json::Value;

constexpr char kDefaultPath[] = "/bin:/usr/bin";  // monitor/image/search.cc
// Where engines mount files of their own, and no program is looked for.
constexpr const char* kEngines[] = {"/etc/", "/dev", "/proc", "/sys", "/run/"};

bool is_engines(Slice path) {
  for (const char* place : kEngines) {
    if (begins_with(path, place)) return true;
  }
  return false;
}

bool has_volumes(const Value* config) {
  const Value* mounts = member(config, "mounts");
  for (const Value* v = mounts == nullptr ? nullptr : mounts->first; v != nullptr; v = v->next) {
    if (!is_engines(member(v, "destination")->text)) return true;
  }
  return false;
}

Slice path_variable(const Value* config) {
  const Value* env = member(member(config, "process"), "env");
  for (const Value* v = env == nullptr ? nullptr : env->first; v != nullptr; v = v->next) {
    if (begins_with(v->text, "PATH=")) return v->text.from(5);
  }
  return kDefaultPath;
}

enum class Found { kYes, kNo, kRefused, kUnknown };

Found look(i64 root, const char* path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  const i64 fd = host::call(__NR_openat2, root, path, &how, sizeof how);
  if (fd == -ENOENT || fd == -ENOTDIR) return Found::kNo;
  if (fd < 0) return Found::kUnknown;
  struct statx s;
  const i64 r = host::call(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MODE, &s);
  host::call(__NR_close, fd);
  if (r < 0) return Found::kUnknown;
  return (s.stx_mode & S_IFMT) == S_IFREG && (s.stx_mode & 0111) != 0 ? Found::kYes : Found::kRefused;
}

Found search(Arena& arena, i64 root, Slice folders, Slice program) {
  Found best = Found::kNo;
  while (!folders.is_empty()) {
    size_t size = 0;
    while (size < folders.size && folders.data[size] != ':') size++;
    const Slice folder = {folders.data, size};
    folders = folders.from(min(size + 1, folders.size));
    if (!begins_with(folder, "/") || is_engines(folder)) return Found::kUnknown;
    const Found found = look(root, arena.join(folder, "/", program));
    if (found == Found::kYes || found == Found::kUnknown) return found;
    if (found == Found::kRefused) best = found;
  }
  return best;
}

bool has_slash(Slice path) {
  for (size_t i = 0; i < path.size; i++) {
    if (path.data[i] == '/') return true;
  }
  return false;
}

}  // namespace

const char* check_program(Arena& arena, const Value* config, const Container& container) {
  const Slice program = container.process.program;
  const bool by_path = has_slash(program);
  if (has_volumes(config) || (by_path && (program.data[0] != '/' || is_engines(program)))) return nullptr;
  const i64 root = host::call(__NR_openat, AT_FDCWD, container.root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (root < 0) return nullptr;  // the underlying runtime says so
  const Found found =
      by_path ? look(root, arena.copy(program)) : search(arena, root, path_variable(config), program);
  host::call(__NR_close, root);
  if (found == Found::kRefused) return arena.join("exec: \"", program, "\": permission denied");
  if (found != Found::kNo) return nullptr;
  if (by_path) return arena.join("exec: \"", program, "\": stat ", program, ": no such file or directory");
  return arena.join("exec: \"", program, "\": executable file not found in $PATH");
}

}  // namespace barchan::runtime
