#include "sandbox/proc.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/signal.h>

#include "host/syscall.h"
#include "sandbox/tree.h"

namespace barchan::sandbox {
namespace {

constexpr u64 kDetach = 2;  // MNT_DETACH

// What the OCI runtimes mask, and what else describes or steers the machine and not the sandbox.
constexpr const char* kMasked[] = {
    "/proc/acpi",        "/proc/asound",      "/proc/interrupts",  "/proc/kallsyms",
    "/proc/kcore",       "/proc/key-users",   "/proc/keys",        "/proc/kmsg",
    "/proc/kpagecgroup", "/proc/kpagecount",  "/proc/kpageflags",  "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi",        "/proc/slabinfo",    "/proc/sysrq-trigger",
    "/proc/timer_list",  "/proc/timer_stats", "/proc/vmallocinfo",
};
constexpr const char* kReadOnlyPaths[] = {"/proc/bus", "/proc/driver", "/proc/fs", "/proc/irq", "/proc/sys"};

i64 cover(int target) {
  if (is_folder(target)) {
    Fd empty = NewFilesystem("tmpfs")
                   .option("size", "4k")
                   .option("mode", "0555")
                   .make(kReadOnly | kNoSuid | kNoDev | kNoExec);
    return empty.ok() ? attach(empty.get(), target) : empty.error();
  }
  Fd null = clone_tree(AT_FDCWD, "/dev/null");
  if (!null.ok()) return null.error();
  const i64 r = restrict_mount(null.get(), kReadOnly | kNoSuid | kNoExec, false);
  return r < 0 ? r : attach(null.get(), target);
}

}  // namespace

Failure mask(int root, const char* const* paths, size_t count) {
  for (size_t i = 0; i < count; i++) {
    Fd target = find_in(root, paths[i]);
    if (target.error() == -ENOENT) continue;
    const i64 r = target.ok() ? cover(target.get()) : target.error();
    if (r < 0) return check(r, "mask", paths[i]);
  }
  return {};
}

Failure probe_proc() {
  const i64 pid = host::call(__NR_clone, CLONE_NEWPID | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid < 0) return check(pid, "pid-namespace");
  if (pid == 0) {
    Fd proc = NewFilesystem("proc").make(kNoSuid | kNoDev | kNoExec);
    for (;;) host::call(__NR_exit_group, -proc.error());
  }
  int status = 0;
  i64 r;
  do r = host::call(__NR_wait4, pid, &status, 0, nullptr);
  while (r == -EINTR);
  if (r < 0) return check(r, "proc", "/proc");
  return check((status & 0x7f) != 0 ? -ECANCELED : -i64{status >> 8 & 0xff}, "proc", "/proc");
}

Failure mount_proc() {
  // Made while the keeper's is still in place: the kernel gives a new one only to who can see a whole one
  // (mount_too_revealing() in fs/namespace.c).
  Fd proc = NewFilesystem("proc").make(kNoSuid | kNoDev | kNoExec);
  if (!proc.ok()) return check(proc.error(), "proc", "/proc");
  if (Failure f = check(host::call(__NR_umount2, "/proc", kDetach), "proc", "/proc")) return f;
  Fd root(host::call(__NR_openat, AT_FDCWD, "/", 010000000 | O_CLOEXEC));
  Fd target = find_in(root.get(), "/proc");
  if (!target.ok()) return check(target.error(), "proc", "/proc");
  if (Failure f = check(attach(proc.get(), target.get()), "proc", "/proc")) return f;
  if (Failure f = mask(root.get(), kMasked, sizeof kMasked / sizeof *kMasked)) return f;
  for (const char* path : kReadOnlyPaths) {
    Fd place = find_in(root.get(), path);
    if (place.error() == -ENOENT) continue;
    if (!place.ok()) return check(place.error(), "mask", path);
    Fd copy = clone_tree(place.get(), "");
    i64 r =
        copy.ok() ? restrict_mount(copy.get(), kReadOnly | kNoSuid | kNoDev | kNoExec, true) : copy.error();
    if (r == 0) r = attach(copy.get(), place.get());
    if (r < 0) return check(r, "mask", path);
  }
  return {};
}

}  // namespace barchan::sandbox
