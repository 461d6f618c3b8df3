// truncate(2): the one call besides opening that changes what a path leads to. A magic link of procfs may lead to
// the monitor's own files, so the object is pinned and judged first (paths.h).
#include <linux/fcntl.h>

#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/paths.h"

namespace barchan {

i64 sys_truncate(Thread& t, const Call& c) {
  const i64 length = static_cast<i64>(c.arg[1]);
  if (length < 0) return -EINVAL;
  files::GuestPath path;
  i64 error = path.load(c.arg[0]);
  if (error < 0) return error;
  if (files::names_private_fd(AT_FDCWD, path)) return -ENOENT;
  files::Pin pin;
  error = pin.open(AT_FDCWD, path.text, false, 0);
  if (error < 0) return error;
  const struct stat& status = pin.status();
  char link[48];
  // The image stands for the guest's program, which runs and so is busy; but who may not write it is told that.
  if (files::is_program(status.st_dev, status.st_ino) ||
      (pin.magic() && files::is_image(status.st_dev, status.st_ino))) {
    constexpr u64 kWritable = 2;  // W_OK
    const i64 refused =
        t.host(__NR_faccessat2, AT_FDCWD, files::own_program_link(link), kWritable, AT_EACCESS);
    return refused < 0 ? refused : -ETXTBSY;
  }
  if (pin.magic() && files::is_private_object(pin.fd(), status)) return -ENOENT;
  const i64 result = t.host(__NR_truncate, pin.path(link), length);
  // No procfs at /proc: then no magic link of it was followed either, unless procfs is mounted elsewhere.
  if (result != -ENOENT) return result;
  return pin.magic() ? -EACCES : t.host(__NR_truncate, path.text, length);
}

}  // namespace barchan
