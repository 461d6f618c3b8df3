#include "monitor/start_config.h"

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/process.h"
#include "monitor/report.h"
#include "monitor/seccomp_filter.h"

namespace barchan {
namespace {

using abi::StartBlob;

constexpr int kBlobFd = 4;
constexpr u32 kBlobMax = 64 << 10;
constexpr u32 kExtraMax = 1000;
constexpr u32 kKnownFlags = abi::kStartTrace | abi::kStartSelfTest | abi::kStartForceUserEntry |
                            abi::kStartSearchPath | abi::kStartFileLimit | abi::kStartShowPolicy |
                            abi::kStartEntrypoint | abi::kStartTerminal | abi::kStartRingOn |
                            abi::kStartRingAuto | abi::kStartPatchOn | abi::kStartPatchOff |
                            abi::kStartAnswersOn | abi::kStartAnswersOff;

alignas(StartBlob) char bytes[kBlobMax + 1];

[[noreturn]] void reject(const char* what, i64 error = EINVAL) {
  fail_start("ERR_MONITOR_CONFIG", error, what, nullptr, abi::kExitStartFailed);
}

u32 read_blob() {
  u32 size = 0;
  while (size < sizeof bytes) {
    i64 n = host::call(__NR_pread64, kBlobFd, bytes + size, sizeof bytes - size, size);
    if (n == -EINTR) continue;
    if (n < 0) reject("cannot read the start configuration on descriptor 4", -n);
    if (n == 0) break;
    size += static_cast<u32>(n);
  }
  return size;
}

// The string at `offset`, which must lie behind the header and end before the blob does.
const char* string_at(u32 offset, u32 size, const char* what) {
  if (offset < sizeof(StartBlob) || offset >= size) reject(what);
  for (u32 i = offset; i < size && i - offset < kPathMax; i++) {
    if (bytes[i] == 0) return bytes + offset;
  }
  reject(what);
}

// The guest's numbers of the extra descriptors: a table of the blob, ascending from 3.
const u32* numbers_at(u32 offset, u32 count, u32 size) {
  constexpr const char* kWrong = "the numbers of the descriptors to pass on are wrong";
  if (offset < sizeof(StartBlob) || offset % sizeof(u32) != 0 || offset > size) reject(kWrong);
  if (count > (size - offset) / sizeof(u32)) reject(kWrong);
  const auto* numbers = reinterpret_cast<const u32*>(bytes + offset);
  for (u32 i = 0; i < count; i++) {
    if (numbers[i] <= (i == 0 ? 2 : numbers[i - 1])) reject(kWrong);
  }
  return numbers;
}

// A seccomp filter of the guest's: aligned, inside the blob and one that the gate can run.
const sock_filter* filter_at(u32 offset, u32 length, u32 size) {
  constexpr const char* kWrong = "the seccomp filter is wrong";
  if (offset < sizeof(StartBlob) || offset % alignof(sock_filter) != 0 || offset > size) reject(kWrong);
  if (length == 0 || length > kFilterLengthMaximum || length > (size - offset) / sizeof(sock_filter))
    reject(kWrong);
  const auto* program = reinterpret_cast<const sock_filter*>(bytes + offset);
  if (!seccomp_filter_valid(program, length)) reject(kWrong);
  return program;
}

intercept::Set calls_at(u32 offset, u32 size) {
  intercept::Set set;
  if (offset < sizeof(StartBlob) || offset > size || size - offset < sizeof set)
    reject("the calls to intercept are not in the blob");
  memcpy(&set, bytes + offset, sizeof set);
  return set;
}

}  // namespace

bool is_entrypoint() {
  StartBlob blob;
  return host::call(__NR_pread64, kBlobFd, &blob, sizeof blob, 0) == sizeof blob &&
         blob.magic == abi::kStartMagic && (blob.flags & abi::kStartEntrypoint);
}

StartConfig read_start_config() {
  u32 size = read_blob();
  if (size < sizeof(StartBlob)) reject("the start configuration is truncated");
  StartConfig config = {};
  memcpy(&config.blob, bytes, sizeof config.blob);
  const StartBlob& blob = config.blob;
  if (blob.magic != abi::kStartMagic) reject("the start configuration has no magic number");
  if (blob.version != abi::kStartVersion) reject("the start configuration is of another version");
  if (blob.size != size || size > kBlobMax) reject("the start configuration has a wrong size");
  if (blob.flags & ~kKnownFlags) reject("the start configuration has unknown flags");
  if (blob.extra_fds > kExtraMax) reject("too many descriptors to pass on");
  if (blob.trace_fd < -1 || blob.report_fd < -1) reject("a descriptor number is negative");
  const u32 passed[] = {blob.policy_fd, blob.intercept_fd, blob.counters_fd, blob.events_fd,
                        blob.breach_fd, blob.chaos_fd,     blob.debug_fd};
  for (u32 fd : passed) {
    if (fd > 0x7fffffff) reject("a descriptor number is negative");
  }
  if ((blob.flags & abi::kStartShowPolicy) && blob.policy_fd == 0) reject("there is no policy to show");
  if ((blob.flags & abi::kStartTrace) && blob.trace_fd == -1)
    reject("a trace needs a descriptor to write to");
  const bool limited = (blob.flags & abi::kStartFileLimit) != 0;
  if (limited ? blob.file_soft > blob.file_hard : (blob.file_soft | blob.file_hard) != 0)
    reject("the limit on open files is wrong");
  config.program = string_at(blob.program, size, "the program's path is not a terminated string of the blob");
  if (blob.cwd != 0)
    config.cwd = string_at(blob.cwd, size, "the directory is not a terminated string of the blob");
  if (blob.numbers != 0) config.numbers = numbers_at(blob.numbers, blob.extra_fds, size);
  if ((blob.filter | blob.filter_length) != 0)
    config.filter = filter_at(blob.filter, blob.filter_length, size);
  if ((blob.intercept_fd == 0) != (blob.intercept_calls == 0))
    reject("calls to intercept need a socket, and it them");
  if (blob.intercept_calls != 0) config.calls = calls_at(blob.intercept_calls, size);
  if (config.program[0] == 0 && !(blob.flags & (abi::kStartSelfTest | abi::kStartShowPolicy)))
    reject("the program's path is empty");
  return config;
}

}  // namespace barchan
