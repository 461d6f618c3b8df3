#include "runtime/surroundings.h"

#include <linux/capability.h>
#include <linux/resource.h>

#include "host/syscall.h"

namespace barchan::runtime {
namespace {

constexpr u64 kNrOpen = 1 << 20;  // fs.nr_open as Linux sets it

bool may_raise_limits() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return host::call(__NR_capget, &header, data) == 0 && (data[0].effective & (1u << CAP_SYS_RESOURCE)) != 0;
}

}  // namespace

Surroundings surroundings(const char* bundle, const char* monitor) {
  struct {
    u64 soft, hard;
  } files = {};
  host::call(__NR_prlimit64, 0, RLIMIT_NOFILE, nullptr, &files);
  // In a user namespace the capability does not count for limits; then a config asks for no more than there is either.
  const u64 hard = may_raise_limits() ? max(files.hard, kNrOpen) : files.hard;
  return {bundle, monitor, hard};
}

}  // namespace barchan::runtime
