#include "sandbox/read_config.h"

#include "host/syscall.h"

namespace barchan::sandbox {
namespace {

alignas(8) char bytes[abi::kSandboxMaximum + 1];

}  // namespace

Failure read_config(int fd, Config& config) {
  size_t size = 0;
  while (size < sizeof bytes) {
    const i64 n = host::call(__NR_pread64, fd, bytes + size, sizeof bytes - size, size);
    if (n == -EINTR) continue;
    if (n < 0) return check(n, "description");
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  const char* wrong = parse_config(bytes, size, config);
  return wrong != nullptr ? Failure{"description", EINVAL, wrong} : Failure{};
}

}  // namespace barchan::sandbox
