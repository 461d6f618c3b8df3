// Any bytes as the description of a sandbox. What is accepted must be readable to its last string.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "sandbox/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace barchan::sandbox;
  std::vector<barchan::u64> aligned((size + 7) / 8 + 1);
  if (size > 0) memcpy(aligned.data(), data, size);
  const char* bytes = reinterpret_cast<const char*>(aligned.data());
  Config config;
  if (parse_config(bytes, size, config) != nullptr) return 0;
  const auto inside = [&](const char* text) {
    if (text < bytes || text + strlen(text) >= bytes + size) abort();
  };
  inside(config.root);
  inside(config.hostname);
  if (config.layer != nullptr) inside(config.layer);
  for (barchan::u32 i = 0; i < config.blob.mount_count; i++) {
    const Mount mount = config.mount(i);
    inside(mount.target);
    if (!is_plain_path(mount.target)) abort();
    if (mount.source != nullptr) inside(mount.source);
  }
  return 0;
}
