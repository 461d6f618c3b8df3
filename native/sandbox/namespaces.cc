#include "sandbox/namespaces.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/signal.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/tree.h"

namespace barchan::sandbox {
namespace {

constexpr u64 kPrivate = 1 << 18;  // MS_PRIVATE

// Writes setgroups, uid_map and gid_map of process `pid` (0: the caller's own). Negative errno or 0.
i64 write_maps(const Config& config, i64 pid) {
  char path[64], line[160];
  auto file = [&](const char* name) {
    Text text(path, sizeof path);
    text.str("/proc/");
    if (pid == 0)
      text.str("self");
    else
      text.dec(pid);
    text.put('/').str(name);
    return path;
  };
  auto map = [&](u32 inside, u32 outside) {
    Text text(line, sizeof line);
    auto range = [&](u64 in, u64 out, u64 count) {
      if (count > 0) text.udec(in).put(' ').udec(out).put(' ').udec(count).put('\n');
    };
    range(inside, outside, 1);
    const u64 end = config.blob.id_count;
    const u64 low = min<u64>(min(inside, outside), end), high = min<u64>(max(inside, outside), end);
    range(0, 0, low);
    if (inside != outside) {
      if (high < end) range(outside, inside, 1);
      if (low < high) range(low + 1, low + 1, high - low - 1);
    }
    if (high < end) range(high + 1, high + 1, end - high - 1);
    return line;
  };
  // For good, so that no program can drop a group that forbids it something, and as a condition for a
  // gid_map by an ordinary user.
  i64 r = write_file(file("setgroups"), "deny");
  if (r == 0) r = write_file(file("uid_map"), map(config.blob.uid, config.blob.host_uid));
  if (r == 0) r = write_file(file("gid_map"), map(config.blob.gid, config.blob.host_gid));
  return r;
}

// Only a process outside may map ids that are not the caller's own. It waits for a byte, then writes.
struct MapWriter {
  i64 pid = 0;
  int go = -1;
};

i64 start_map_writer(const Config& config, MapWriter& writer) {
  int ends[2];
  if (i64 r = host::call(__NR_pipe2, ends, O_CLOEXEC); r < 0) return r;
  const i64 target = host::call(__NR_getpid);
  const i64 pid = host::call(__NR_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) {
    host::call(__NR_close, ends[1]);
    char byte;
    const i64 n = host::call(__NR_read, ends[0], &byte, 1);
    const i64 r = n == 1 ? write_maps(config, target) : -ECANCELED;
    for (;;) host::call(__NR_exit_group, -r);
  }
  host::call(__NR_close, ends[0]);
  if (pid < 0) return pid;
  writer = {pid, ends[1]};
  return 0;
}

i64 finish_map_writer(const MapWriter& writer, bool write) {
  if (write) host::call(__NR_write, writer.go, "", 1);
  host::call(__NR_close, writer.go);
  int status = 0;
  i64 r;
  do r = host::call(__NR_wait4, writer.pid, &status, 0, nullptr);
  while (r == -EINTR);
  if (r < 0) return r;
  return (status & 0x7f) != 0 ? -ECANCELED : -i64{status >> 8 & 0xff};
}

Failure enter_user_namespace(const Config& config) {
  const bool own = config.blob.id_count == 0 && host::call(__NR_geteuid) == config.blob.host_uid &&
                   host::call(__NR_getegid) == config.blob.host_gid;
  MapWriter writer;
  if (!own)
    if (Failure f = check(start_map_writer(config, writer), "id-map")) return f;
  const i64 entered = host::call(__NR_unshare, CLONE_NEWUSER);
  const i64 mapped =
      own ? (entered < 0 ? 0 : write_maps(config, 0)) : finish_map_writer(writer, entered == 0);
  if (Failure f = check(entered, "user-namespace")) return f;
  return check(mapped, "id-map");
}

}  // namespace

void leave_groups() { host::call(__NR_setgroups, 0, nullptr); }

u64 shared_namespaces(const Config& config) {
  const u64 network = config.blob.network == abi::kNetworkHost ? 0 : CLONE_NEWNET;
  return CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | network;
}

Failure enter_namespaces(const Config& config) {
  leave_groups();
  if (Failure f = enter_user_namespace(config)) return f;
  static constexpr struct {
    u64 flag;
    const char* step;
  } kOthers[] = {
      {CLONE_NEWNS, "mount-namespace"},      {CLONE_NEWNET, "network-namespace"},
      {CLONE_NEWIPC, "ipc-namespace"},       {CLONE_NEWUTS, "uts-namespace"},
      {CLONE_NEWCGROUP, "cgroup-namespace"},
  };
  for (const auto& other : kOthers) {
    if ((shared_namespaces(config) & other.flag) == 0) continue;
    if (Failure f = check(host::call(__NR_unshare, other.flag), other.step)) return f;
  }
  mount_attr attr = {};
  attr.propagation = kPrivate;
  const i64 r = host::call(__NR_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr);
  return check(r, "mount-propagation", "/");
}

Failure become_user(const Config& config) {
  constexpr u64 kKeep = SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT;
  i64 r = host::call(__NR_prctl, PR_SET_SECUREBITS, kKeep, 0, 0, 0);
  const u64 gid = config.blob.gid, uid = config.blob.uid;
  if (r == 0) r = host::call(__NR_setresgid, gid, gid, gid);
  if (r == 0) r = host::call(__NR_setresuid, uid, uid, uid);
  return check(r, "user");
}

}  // namespace barchan::sandbox
