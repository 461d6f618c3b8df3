// Any bytes as a policy: what is accepted decides on every call without leaving its memory.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "monitor/policy.h"

using namespace barchan;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // 8-aligned and of exactly this size.
  std::vector<u64> words((size + 7) / 8);
  if (size) memcpy(words.data(), data, size);
  policy::Policy p;
  if (policy::parse(reinterpret_cast<const u8*>(words.data()), size, p)) return 0;
  u64 arguments[6] = {size, 0, ~u64{0}, 1, 2, 3};
  for (u32 nr = 0; nr < 600; nr++) {
    const policy::Decision d = policy::decide(p, nr, arguments);
    if ((d.action == abi::kPolicyErrno) != (d.error != 0)) abort();
    if (d.action == abi::kPolicyAllow && !policy::can_pass(p, nr)) abort();
  }
  policy::reachable(p, policy::Use::kSend, data, size < 128 ? size : 128);
  return 0;
}
