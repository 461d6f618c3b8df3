#include "sandbox/rootfs.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/proc.h"

namespace barchan::sandbox {
namespace {

constexpr int kPathOnly = 010000000 | O_CLOEXEC;  // O_PATH
constexpr u64 kDetach = 2;                        // MNT_DETACH
constexpr u64 kPlain = kNoSuid | kNoDev;
constexpr u64 kBytesPerInode = 4096, kLeastInodes = 256;

// What the sandbox has of its own at the top; the root's are not shown.
constexpr const char* kOwn[] = {".", "..", "dev", "proc", "run", "sys", "tmp", "lost+found"};

// Folders of the tmpfs that all writable places in memory share, so that one size bounds them.
constexpr struct {
  const char* name;
  u32 mode;
} kScratch[] = {
    {"root", 0755}, {"upper", 0700}, {"work", 0700},    {"dev", 0755},
    {"shm", 01777}, {"tmp", 01777},  {"vartmp", 01777}, {"run", 0755},
};

constexpr const char* kLayer[] = {"root", "upper", "work"};

constexpr const char* kMaskedSys[] = {
    "/sys/firmware",        "/sys/devices/virtual/powercap",
    "/sys/fs/cgroup",       "/sys/fs/bpf",
    "/sys/fs/fuse",         "/sys/kernel/debug",
    "/sys/kernel/security", "/sys/kernel/tracing",
    "/sys/fs/selinux",
};

struct Builder {
  const Config& config;
  Sources& sources;
  Fd scratch;
  Fd root;   // the new root's mount
  Fd upper;  // folders of the writable layer
  Fd work;
};

struct DirectoryEntry {  // linux_dirent64
  u64 inode;
  i64 offset;
  u16 size;
  u8 type;
  char name[];
};

alignas(8) char listing[64 * 1024];
// Paths in failures outlive the calls that made them.
char place_of_failure[kPathMax];

const char* remember(const char* name) {
  Text(place_of_failure, sizeof place_of_failure).put('/').str(name);
  return place_of_failure;
}

const char* by_descriptor(char (&to)[32], const Fd& fd) {
  Text(to, sizeof to).str("/proc/self/fd/").dec(fd.get());
  return to;
}

Fd open_folder(int parent, const char* name) {
  return Fd(host::call(__NR_openat, parent, name, kPathOnly | O_DIRECTORY | O_NOFOLLOW));
}

Failure attach_below(const Fd& mount, int root, const char* path, const char* step) {
  if (!mount.ok()) return check(mount.error(), step, path);
  Fd target = make_in(root, path, !is_folder(mount.get()));
  return check(target.ok() ? attach(mount.get(), target.get()) : target.error(), step, path);
}

// A folder of the scratch tmpfs as a mount at `path`.
Failure attach_scratch(Builder& b, const char* name, const char* path) {
  Fd mount = clone_tree(b.scratch.get(), name);
  if (mount.ok())
    if (Failure f = check(restrict_mount(mount.get(), kPlain, false), "tmpfs", path)) return f;
  return attach_below(mount, b.root.get(), path, "tmpfs");
}

Failure make_scratch(Builder& b) {
  char size[24], inodes[24];
  Text(size, sizeof size).udec(b.config.blob.scratch_size);
  // An empty file takes memory too, which "size" does not count.
  Text(inodes, sizeof inodes).udec(max<u64>(b.config.blob.scratch_size / kBytesPerInode, kLeastInodes));
  b.scratch = NewFilesystem("tmpfs")
                  .option("size", size)
                  .option("nr_inodes", inodes)
                  .option("mode", "0755")
                  .make(kPlain);
  if (!b.scratch.ok()) return check(b.scratch.error(), "tmpfs");
  // Below a mount that is attached nowhere no other can be; over the root it is in nobody's way.
  Fd top(host::call(__NR_openat, AT_FDCWD, "/", kPathOnly));
  if (Failure f = check(attach(b.scratch.get(), top.get()), "tmpfs")) return f;
  for (const auto& folder : kScratch)
    if (Failure f = check(make_folder(b.scratch.get(), folder.name, folder.mode), "tmpfs")) return f;
  return {};
}

// The folder that becomes /, and where changes go.
Failure make_base(Builder& b) {
  const bool kept = b.config.blob.writable == abi::kWritableDirectory;
  const int base = kept ? b.sources.layer.get() : b.scratch.get();
  if (kept) {
    for (const char* name : kLayer)
      if (Failure f = check(make_folder(base, name, 0755), "writable-layer", b.config.layer)) return f;
  }
  b.upper = open_folder(base, "upper");
  b.work = open_folder(base, "work");
  b.root = clone_tree(base, "root");
  i64 r = min(b.upper.error(), min(b.work.error(), b.root.error()));
  if (r == 0) r = restrict_mount(b.root.get(), kPlain, true);
  Fd top(host::call(__NR_openat, AT_FDCWD, "/", kPathOnly));
  if (r == 0) r = attach(b.root.get(), top.get());
  return check(r, kept ? "writable-layer" : "rootfs", kept ? b.config.layer : nullptr);
}

// Do other file systems lie below? The kernel copies such a folder only whole (has_locked_children() in
// fs/namespace.c), and an overlay is refused it.
bool holds_mounts(int parent, const char* name) {
  Fd probe(host::call(__NR_open_tree, parent, name, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC));
  return probe.error() == -EINVAL;
}

Fd make_overlay(Builder& b, const Fd& lower, const char* name, const struct statx& s) {
  i64 r = make_folder(b.upper.get(), name, s.stx_mode & 07777);
  // What the overlay shows of the folder itself is this one's. Without other ids it is the sandbox's user's.
  if (r == 0 && b.config.blob.id_count > 0)
    r = host::call(__NR_fchownat, b.upper.get(), name, s.stx_uid, s.stx_gid, AT_SYMLINK_NOFOLLOW);
  if (r == 0) r = make_folder(b.work.get(), name, 0700);
  if (r < 0) return Fd(r);
  Fd upper = open_folder(b.upper.get(), name), work = open_folder(b.work.get(), name);
  if (!upper.ok() || !work.ok()) return Fd(min(upper.error(), work.error()));
  char lower_path[32], upper_path[32], work_path[32];
  return NewFilesystem("overlay")
      .option("lowerdir", by_descriptor(lower_path, lower))
      .option("upperdir", by_descriptor(upper_path, upper))
      .option("workdir", by_descriptor(work_path, work))
      .flag("userxattr")
      .make(kPlain);
}

Failure show_folder(Builder& b, const char* name, const struct statx& s) {
  const u32 mode = s.stx_mode & 07777;
  const int from = b.sources.root.get();
  Fd mount;
  const char* step = "rootfs";
  if (b.config.blob.writable != abi::kWritableNone && !holds_mounts(from, name)) {
    step = "overlay";
    Fd lower = open_folder(from, name);
    mount = lower.ok() ? make_overlay(b, lower, name, s) : Fd(lower.error());
  } else {
    mount = clone_tree(from, name);
    if (mount.ok())
      if (Failure f = check(restrict_mount(mount.get(), kReadOnly | kPlain, true), step, remember(name)))
        return f;
  }
  if (!mount.ok()) return check(mount.error(), step, remember(name));
  if (Failure f = check(make_folder(b.root.get(), name, mode), step, remember(name))) return f;
  Fd target = open_folder(b.root.get(), name);
  return check(target.ok() ? attach(mount.get(), target.get()) : target.error(), step, remember(name));
}

Failure show_link(Builder& b, const char* name) {
  char target[kPathMax];
  const i64 size = host::call(__NR_readlinkat, b.sources.root.get(), name, target, sizeof target - 1);
  if (size < 0) return check(size, "rootfs", remember(name));
  target[size] = 0;
  const i64 r = host::call(__NR_symlinkat, target, b.root.get(), name);
  return r == -EEXIST ? Failure{} : check(r, "rootfs", remember(name));
}

Failure show_file(Builder& b, const char* name) {
  Fd mount = clone_tree(b.sources.root.get(), name);
  if (mount.ok())
    if (Failure f = check(restrict_mount(mount.get(), kReadOnly | kPlain, false), "rootfs", remember(name)))
      return f;
  if (!mount.ok()) return check(mount.error(), "rootfs", remember(name));
  char path[kPathMax];
  Text(path, sizeof path).put('/').str(name);
  return attach_below(mount, b.root.get(), path, "rootfs");
}

Failure show_entry(Builder& b, const char* name) {
  for (const char* own : kOwn)
    if (strcmp(name, own) == 0) return {};
  struct statx s;
  const i64 r = host::call(__NR_statx, b.sources.root.get(), name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                           STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID, &s);
  if (r == -ENOENT) return {};  // gone meanwhile
  if (r < 0) return check(r, "rootfs", remember(name));
  switch (s.stx_mode & S_IFMT) {
    case S_IFDIR: return show_folder(b, name, s);
    case S_IFLNK: return show_link(b, name);
    case S_IFREG: return show_file(b, name);
    default: return {};  // sockets, FIFOs and devices lead outside
  }
}

Failure show_root(Builder& b) {
  Fd folder(host::call(__NR_openat, b.sources.root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.ok()) return check(folder.error(), "rootfs", b.config.root);
  for (;;) {
    const i64 size = host::call(__NR_getdents64, folder.get(), listing, sizeof listing);
    if (size < 0) return check(size, "rootfs", b.config.root);
    if (size == 0) return {};
    for (i64 at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(listing + at);
      at += entry->size;
      if (Failure f = show_entry(b, entry->name)) return f;
    }
  }
}

Failure make_sys(Builder& b) {
  Fd sys;
  if (b.config.blob.network == abi::kNetworkHost) {
    // A new one shows the network devices of its own namespace, and only that one's owner may make it.
    sys = clone_tree(AT_FDCWD, "/sys");
    if (sys.ok())
      if (Failure f = check(restrict_mount(sys.get(), kReadOnly | kNoExec | kPlain, true), "sysfs", "/sys"))
        return f;
  } else {
    sys = NewFilesystem("sysfs").make(kReadOnly | kNoExec | kPlain);
  }
  if (!sys.ok() && b.config.weaker(abi::kWeakerSysfs))
    return check(make_folder(b.root.get(), "sys", 0555), "sysfs", "/sys");
  if (Failure f = attach_below(sys, b.root.get(), "/sys", "sysfs")) return f;
  return mask(b.root.get(), kMaskedSys, sizeof kMaskedSys / sizeof *kMaskedSys);
}

Failure add_mounts(Builder& b) {
  for (u32 i = 0; i < b.config.blob.mount_count; i++) {
    const Mount mount = b.config.mount(i);
    const u64 attributes = kPlain | (mount.flags & abi::kMountReadOnly ? kReadOnly : 0) |
                           (mount.flags & abi::kMountNoExec ? kNoExec : 0);
    if (mount.kind == abi::kMountTmpfs) {
      char size[24];
      Text(size, sizeof size).udec(mount.size);
      b.sources.mounts[i] =
          NewFilesystem("tmpfs").option("size", size).option("mode", "0755").make(attributes);
    } else if (Failure f = check(restrict_mount(b.sources.mounts[i].get(), attributes, true), "mount",
                                 mount.source)) {
      return f;
    }
    if (Failure f = attach_below(b.sources.mounts[i], b.root.get(), mount.target, "mount")) return f;
    b.sources.mounts[i].reset();
  }
  return {};
}

Failure add_own(Builder& b) {
  if (Failure f = attach_scratch(b, "tmp", "/tmp")) return f;
  if (Failure f = attach_scratch(b, "run", "/run")) return f;
  // Links like /var/run lead into /run, where programs look for this one.
  Fd run = find_in(b.root.get(), "/run");
  if (run.ok()) host::call(__NR_mkdirat, run.get(), "lock", 01777);
  Fd temporary = find_in(b.root.get(), "/var/tmp");
  if (temporary.ok() && is_folder(temporary.get()))
    if (Failure f = attach_scratch(b, "vartmp", "/var/tmp")) return f;
  if (Failure f = attach_scratch(b, "dev", "/dev")) return f;
  Fd dev = find_in(b.root.get(), "/dev");
  // The devices themselves are mounts of their own, with their own attributes.
  if (Failure f = build_devices(dev.get(), b.scratch.get())) return f;
  if (Failure f = make_sys(b)) return f;
  // The host's, until a program that has processes of its own to show puts its own there (sandbox/proc.h).
  return attach_below(clone_tree(AT_FDCWD, "/proc"), b.root.get(), "/proc", "proc");
}

// How many mounts lie at / of what /proc/self/mountinfo shows: "ID PARENT MAJOR:MINOR ROOT PLACE ...". -errno.
i64 count_roots() {
  Fd file(host::call(__NR_openat, AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return file.error();
  i64 roots = 0, size;
  int field = 0;        // of the line
  bool in_root = true;  // is the fifth field "/" so far?
  while ((size = host::call(__NR_read, file.get(), listing, sizeof listing)) > 0) {
    for (i64 i = 0; i < size; i++) {
      const char c = listing[i];
      if (c == '\n') {
        field = 0;
      } else if (c == ' ') {
        field++;
        if (field == 4) in_root = true;
        if (field == 5 && in_root) roots++;
      } else if (field == 4) {
        in_root = in_root && c == '/' && listing[i - 1] == ' ';
      }
    }
  }
  return size < 0 ? size : roots;
}

Failure enter_root(Builder& b) {
  i64 r = host::call(__NR_fchdir, b.root.get());
  if (r == 0) r = host::call(__NR_pivot_root, ".", ".");
  // Over the new root, which "." still is, now lies the old one, and over that the scratch tmpfs.
  if (r == 0) r = host::call(__NR_umount2, ".", kDetach);
  if (r == 0) r = host::call(__NR_umount2, ".", kDetach);
  if (r == 0) r = host::call(__NR_chdir, "/");
  if (r < 0) return check(r, "pivot-root");
  // setns(2) enters whatever lies on top, so that nothing else may lie there.
  const i64 roots = count_roots();
  return roots == 1 ? Failure{} : Failure{"pivot-root", roots < 0 ? -roots : EBUSY};
}

}  // namespace

Failure open_sources(const Config& config, Sources& sources) {
  const auto open = [](const char* path) {
    return Fd(host::call(__NR_openat, AT_FDCWD, path, kPathOnly | O_DIRECTORY));
  };
  sources.root = open(config.root);
  if (!sources.root.ok()) return check(sources.root.error(), "rootfs", config.root);
  if (config.layer != nullptr) {
    sources.layer = open(config.layer);
    if (!sources.layer.ok()) return check(sources.layer.error(), "writable-layer", config.layer);
  }
  for (u32 i = 0; i < config.blob.mount_count; i++) {
    const Mount mount = config.mount(i);
    if (mount.kind != abi::kMountBind) continue;
    sources.mounts[i] = clone_tree(AT_FDCWD, mount.source);
    if (!sources.mounts[i].ok()) return check(sources.mounts[i].error(), "mount", mount.source);
  }
  return {};
}

Failure build_root(const Config& config, Sources& sources) {
  host::call(__NR_umask, 0);
  Builder b = {config, sources, {}, {}, {}, {}};
  if (Failure f = make_scratch(b)) return f;
  if (Failure f = make_base(b)) return f;
  if (Failure f = show_root(b)) return f;
  if (Failure f = add_own(b)) return f;
  if (Failure f = add_mounts(b)) return f;
  Fd dev = find_in(b.root.get(), "/dev");
  if (Failure f = check(restrict_mount(dev.get(), kReadOnly, false), "devices", "/dev")) return f;
  if (config.blob.writable == abi::kWritableNone)
    if (Failure f = check(restrict_mount(b.root.get(), kReadOnly, false), "rootfs", "/")) return f;
  return enter_root(b);
}

}  // namespace barchan::sandbox
