#include "runtime/surroundings.h"

#include <linux/resource.h>

#include "host/syscall.h"

namespace barchan::runtime {
namespace {

constexpr u64 kNrOpen = 1 << 20;  // fs.nr_open as Linux sets it

struct Limit {
  u64 soft, hard;
};

// Whether a hard limit of kNrOpen can be given out, by trying: the capability counts in the first user namespace only
// (setrlimit(2)), and fs.nr_open may be lower.
bool can_raise(const Limit& own) {
  const Limit more = {own.soft, kNrOpen};
  if (host::call(__NR_prlimit64, 0, RLIMIT_NOFILE, &more, nullptr) < 0) return false;
  host::call(__NR_prlimit64, 0, RLIMIT_NOFILE, &own, nullptr);
  return true;
}

}  // namespace

Surroundings surroundings(const char* bundle, const char* monitor) {
  Limit files = {};
  host::call(__NR_prlimit64, 0, RLIMIT_NOFILE, nullptr, &files);
  const u64 hard = files.hard < kNrOpen && can_raise(files) ? kNrOpen : files.hard;
  return {bundle, monitor, hard};
}

}  // namespace barchan::runtime
