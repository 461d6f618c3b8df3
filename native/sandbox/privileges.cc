#include "sandbox/privileges.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "host/syscall.h"

namespace barchan::sandbox {
namespace {

constexpr u64 kLockedBits = SECURE_ALL_BITS & ~u64{SECBIT_KEEP_CAPS};
constexpr u64 kLocks = SECURE_ALL_LOCKS;

bool holds_other_than(u32 kept) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (host::call(__NR_capget, &header, data) != 0) return true;
  return data[0].effective != kept || data[0].permitted != kept || data[0].inheritable != 0 ||
         data[1].effective != 0 || data[1].permitted != 0 || data[1].inheritable != 0;
}

}  // namespace

Failure drop_privileges(u64 kept) {
  const u32 left = kept < 32 ? 1u << kept : 0;
  for (u64 capability = 0; capability < 64; capability++) {
    const i64 r = host::call(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (r == -EINVAL) break;  // one more than the kernel has
    if (r < 0) return check(r, "capabilities");
  }
  i64 r = host::call(__NR_prctl, PR_SET_SECUREBITS, kLockedBits | kLocks, 0, 0, 0);
  if (r == 0) r = host::call(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct wanted[2] = {{left, left, 0}, {}};
  if (r == 0) r = host::call(__NR_capset, &header, wanted);
  if (Failure f = check(r, "capabilities")) return f;
  if (holds_other_than(left)) return {"capabilities", EPERM};
  return check(host::call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no-new-privileges");
}

Failure set_limits(const Config& config) {
  for (u32 i = 0; i < abi::kSandboxLimits; i++) {
    if ((config.blob.limits_set >> i & 1) == 0) continue;
    const abi::SandboxLimit limit = config.blob.limits[i];
    if (Failure f = check(host::call(__NR_prlimit64, 0, i, &limit, nullptr), "rlimits")) return f;
  }
  return {};
}

}  // namespace barchan::sandbox
