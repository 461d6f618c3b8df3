#include "sandbox/warden.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/cgroup.h"

namespace barchan::sandbox {
namespace {

// How often the processor time is looked at: seldom while much is left. A machine with many processors uses it up faster.
constexpr i64 kShortestMs = 10, kLongestMs = 200, kShare = 16;
constexpr int kGraceRounds = 15;  // of kLongestMs, in which Node ends the programs itself

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

void tell_limit(int control) {
  char buffer[64];
  const Text line = Text(buffer, sizeof buffer).str("{\"event\":\"limit\",\"limit\":\"cpuMs\"}\n");
  host::call(__NR_sendto, control, line.data(), line.size(), 0x4000 | 0x40 /* MSG_NOSIGNAL, MSG_DONTWAIT */,
             nullptr, 0);
}

// Milliseconds until the next look at the processor time, -1: none is needed.
i64 watch_processor(const Config& config, int control, int& over) {
  if (config.blob.cpu_us == 0) return -1;
  if (over == 0) {
    const i64 used = processor_time(config);
    const i64 left = static_cast<i64>(config.blob.cpu_us) - used;
    if (used < 0 || left > 0) return min(max(left / 1000 / kShare, kShortestMs), kLongestMs);
    tell_limit(control);
  }
  if (over++ >= kGraceRounds) kill_members(config);
  return kLongestMs;
}

[[noreturn]] void run_warden(const Config& config, int control) {
  int over = 0;  // rounds since the processor time ran out
  for (;;) {
    const i64 next = watch_processor(config, control, over);
    pollfd wait = {control, POLLIN, 0};
    const __kernel_timespec time = {next / 1000, next % 1000 * 1'000'000};
    if (host::call(__NR_ppoll, &wait, 1, next < 0 ? nullptr : &time, nullptr, 8) > 0) break;
  }
  remove_groups(config);
  leave(0);
}

}  // namespace

Failure start_warden(const Config& config, int control, i32& warden) {
  if (config.blob.group_count == 0) return {};
  int ends[2];
  if (Failure f = check(host::call(__NR_pipe2, ends, O_CLOEXEC), "cgroup")) return f;
  const i64 child = host::call(__NR_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return check(child, "process");
  if (child == 0) {
    host::call(__NR_prctl, PR_SET_NAME, "barchan-warden", 0, 0, 0);
    host::call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    const Failure failure = make_groups(config);
    // A copy of the caller, whose pointers mean the same there.
    host::call(__NR_write, ends[1], &failure, sizeof failure);
    if (failure) leave(1);
    host::call(__NR_dup3, control, 0, 0);
    host::call(__NR_close_range, 1, ~0u, 0);
    run_warden(config, 0);
  }
  warden = static_cast<i32>(child);
  host::call(__NR_close, ends[1]);
  Failure failure = {"cgroup", ECHILD};
  i64 n;
  do n = host::call(__NR_read, ends[0], &failure, sizeof failure);
  while (n == -EINTR);
  host::call(__NR_close, ends[0]);
  return failure ? failure : enter_groups(config);
}

void run_sweeper(const Config& config) {
  remove_groups(config);
  leave(0);
}

}  // namespace barchan::sandbox
