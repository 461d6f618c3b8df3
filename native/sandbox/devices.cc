// The nodes are bound from the host: a user namespace may not make any, and would not be obeyed through them.
#include <linux/fcntl.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/rootfs.h"

namespace barchan::sandbox {
namespace {

constexpr const char* kNodes[] = {"full", "null", "random", "tty", "urandom", "zero"};
constexpr const char* kFolders[] = {"mqueue", "pts", "shm"};
constexpr struct {
  const char* name;
  const char* target;
} kLinks[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
};

Failure attach_at(int dev, const char* name, const Fd& mount) {
  if (!mount.ok()) return check(mount.error(), "devices", name);
  Fd target = find_in(dev, name);
  return check(target.ok() ? attach(mount.get(), target.get()) : target.error(), "devices", name);
}

}  // namespace

Failure build_devices(int dev, int scratch) {
  for (const char* name : kNodes) {
    char path[32];
    Text(path, sizeof path).str("/dev/").str(name);
    Fd place = make_in(dev, path + 4, true);
    if (!place.ok()) return check(place.error(), "devices", name);
    Fd node = clone_tree(AT_FDCWD, path);
    if (node.ok())
      // Read-only is said of the inode, which is the host's and may be of the guest's user: devices can be written all the same.
      if (Failure f =
              check(restrict_mount(node.get(), kReadOnly | kNoSuid | kNoExec, false), "devices", name))
        return f;
    if (Failure f = attach_at(dev, name, node)) return f;
  }
  for (const auto& link : kLinks) {
    const i64 r = host::call(__NR_symlinkat, link.target, dev, link.name);
    if (r < 0) return check(r, "devices", link.name);
  }
  for (const char* name : kFolders)
    if (Failure f = check(make_folder(dev, name, 0755), "devices", name)) return f;
  Fd pts = NewFilesystem("devpts")
               .flag("newinstance")
               .option("ptmxmode", "0666")
               .option("mode", "0620")
               .make(kNoSuid | kNoExec);
  if (Failure f = attach_at(dev, "pts", pts)) return f;
  if (Failure f = attach_at(dev, "shm", clone_tree(scratch, "shm"))) return f;
  // A kernel without POSIX message queues has none to keep apart.
  Fd queues = NewFilesystem("mqueue").make(kNoSuid | kNoDev | kNoExec);
  return queues.error() == -ENODEV ? Failure{} : attach_at(dev, "mqueue", queues);
}

}  // namespace barchan::sandbox
