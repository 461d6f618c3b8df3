// readlinkat. The exe links of guest processes name their programs, not the monitor.
#include <linux/fcntl.h>

#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/paths.h"
#include "monitor/syscalls/proc_copies.h"

namespace barchan {
namespace {

// Pre: `path` names an exe link, or is empty and `directory` is a descriptor of the link itself. When the link
// leads to the monitor's image, puts the program's path into `path` and returns true.
bool program_of(int directory, files::GuestPath& path) {
  char target[kPathMax];
  char image[kPathMax];
  i64 size = host::call(__NR_readlinkat, directory, path.text, target, sizeof target);
  i64 image_size = host::call(__NR_readlinkat, AT_FDCWD, "/proc/thread-self/exe", image, sizeof image);
  if (size <= 0 || size != image_size || memcmp(target, image, static_cast<size_t>(size)) != 0) return false;
  if (path.size == 0) {
    size = files::describe_fd(directory, target, sizeof target);
    if (size < 0 || path.assign(target, static_cast<size_t>(size)) < 0) return false;
  }
  // The program of a guest process is on the same private number everywhere.
  char link[24];
  Text(link, sizeof link).str("fd/").dec(private_fd(kFdProgram));
  if (path.replace_name(link) == 0) {
    size = host::call(__NR_readlinkat, directory, path.text, target, sizeof target);
    if (size > 0) return path.assign(target, min(static_cast<size_t>(size), sizeof target - 1)) == 0;
  }
  return path.assign(program.path, strlen(program.path)) == 0;
}

}  // namespace

i64 sys_readlinkat(Thread& t, const Call& c) {
  int directory = static_cast<int>(c.arg[0]);
  i32 capacity = static_cast<i32>(c.arg[3]);
  files::GuestPath path;
  i64 error = path.load(c.arg[1]);
  if (capacity <= 0) return -EINVAL;
  if (error < 0) return error;
  if (files::names_private_fd(directory, path)) return -ENOENT;
  if ((path.name_is("exe") || (path.size == 0 && directory >= 0)) && program_of(directory, path)) {
    size_t size = min(path.size, static_cast<size_t>(capacity));
    i64 result = copy_to_guest(c.arg[2], path.text, size);
    return result < 0 ? result : static_cast<i64>(size);
  }
  char target[kPathMax];
  const i64 size = t.host(__NR_readlinkat, directory, path.text, target, sizeof target);
  if (size < 0) return size;
  const size_t shown =
      min(files::show_copied_name(target, static_cast<size_t>(size)), static_cast<size_t>(capacity));
  error = copy_to_guest(c.arg[2], target, shown);
  return error < 0 ? error : static_cast<i64>(shown);
}

}  // namespace barchan
