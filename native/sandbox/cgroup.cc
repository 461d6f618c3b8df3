#include "sandbox/cgroup.h"

#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/tree.h"

namespace barchan::sandbox {
namespace {

constexpr u64 kFirstPauseNs = 1'000'000, kLongestPauseNs = 50'000'000;
constexpr u32 kBatch = 128;  // processes that are killed at once

char path[2 * kPathMax];
char text[32 << 10];

const char* file_of(const char* group, const char* name) {
  Text(path, sizeof path).str(group).put('/').str(name);
  return path;
}

// The beginning of a file, in `text`. Its size, or -errno.
i64 read_text(const char* file) {
  const i64 fd = host::call(__NR_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  size_t size = 0;
  i64 n;
  while (size < sizeof text && (n = host::call(__NR_read, fd, text + size, sizeof text - size)) != 0) {
    if (n == -EINTR) continue;
    if (n < 0) break;
    size += static_cast<size_t>(n);
  }
  host::call(__NR_close, fd);
  return static_cast<i64>(size);
}

// The first members of a group; 0 when there are none or the group is gone.
u32 list_members(const char* group, i32 (&pids)[kBatch]) {
  const i64 size = read_text(file_of(group, "cgroup.procs"));
  u32 count = 0;
  i64 pid = 0;
  for (i64 i = 0; i < size && count < kBatch; i++) {
    if (text[i] >= '0' && text[i] <= '9') {
      pid = pid * 10 + (text[i] - '0');
    } else {
      if (pid > 0) pids[count++] = static_cast<i32>(pid);
      pid = 0;
    }
  }
  return count;
}

bool contains(const i32 (&pids)[kBatch], u32 count, i32 pid) {
  for (u32 i = 0; i < count; i++)
    if (pids[i] == pid) return true;
  return false;
}

// A number that was read may be another process's by the time of a kill(2): what is signalled is a process that was
// opened before it was seen in the group once more.
void kill_some(const char* group) {
  i32 before[kBatch], after[kBatch];
  i64 fds[kBatch];
  const u32 count = list_members(group, before);
  for (u32 i = 0; i < count; i++) fds[i] = host::call(__NR_pidfd_open, before[i], 0);
  const u32 still = list_members(group, after);
  for (u32 i = 0; i < count; i++) {
    if (fds[i] < 0) continue;
    if (contains(after, still, before[i])) host::call(__NR_pidfd_send_signal, fds[i], SIGKILL, nullptr, 0);
    host::call(__NR_close, fds[i]);
  }
}

void pause(u64 nanoseconds) {
  const __kernel_timespec time = {0, static_cast<long long>(nanoseconds)};
  host::call(__NR_nanosleep, &time, nullptr);
}

// Removes the first `count` groups, the last first. False when one is in use.
bool remove_empty(const Config& config, u32 count) {
  bool all = true;
  for (u32 i = count; i-- > 0;) {
    const i64 r = host::call(__NR_unlinkat, AT_FDCWD, config.group(i), AT_REMOVEDIR);
    all = all && (r == 0 || r == -ENOENT);
  }
  return all;
}

}  // namespace

Failure make_groups(const Config& config) {
  const u32 count = config.blob.group_count;
  u32 made = 0;
  Failure failure;
  for (; made < count && !failure; made++) {
    failure =
        check(host::call(__NR_mkdirat, AT_FDCWD, config.group(made), 0755), "cgroup", config.group(made));
    if (failure) break;
  }
  for (u32 i = 0; i < config.blob.setting_count && !failure; i++) {
    const Setting setting = config.setting(i);
    const i64 r = write_file(setting.file, setting.value);
    if (r != -ENOENT || !setting.optional) failure = check(r, "cgroup", setting.file);
  }
  if (failure) remove_empty(config, made);
  return failure;
}

Failure enter_groups(const Config& config) {
  for (u32 i = 0; i < config.blob.group_count; i++) {
    const i64 r = write_file(file_of(config.group(i), "cgroup.procs"), "0");
    if (Failure f = check(r, "cgroup", config.group(i))) return f;
  }
  return {};
}

void kill_members(const Config& config) {
  for (u32 i = 0; i < config.blob.group_count; i++) {
    // Version 2 from Linux 5.14 on does it by itself, and lets nothing be forked meanwhile.
    if (write_file(file_of(config.group(i), "cgroup.kill"), "1") != 0) kill_some(config.group(i));
  }
}

void remove_groups(const Config& config) {
  for (u64 wait = kFirstPauseNs; !remove_empty(config, config.blob.group_count);) {
    kill_members(config);
    pause(wait);
    wait = min(2 * wait, kLongestPauseNs);
  }
}

i64 processor_time(const Config& config) {
  const i64 size = read_text(config.cpu_usage);
  return size < 0 ? size : parse_processor_time(text, static_cast<size_t>(size));
}

}  // namespace barchan::sandbox
