// Purpose: the description of a sandbox, read and checked in full (abi/sandbox.h).
// Owner:   sandbox. Threads: start-up only. Trust: written by Node; checked as if it were not.
#ifndef BARCHAN_SANDBOX_CONFIG_H
#define BARCHAN_SANDBOX_CONFIG_H

#include "abi/sandbox.h"

namespace barchan::sandbox {

constexpr size_t kPathMax = 4096;

struct Mount {
  u32 kind;
  u32 flags;
  const char* source;  // null for a tmpfs
  const char* target;
  u64 size;
};

struct Setting {
  const char* file;
  const char* value;
  bool optional;
};

// The strings lie in the bytes that were checked.
struct Config {
  abi::SandboxBlob blob;
  const char* root;
  const char* layer;  // or null
  const char* hostname;
  const abi::SandboxMount* table;
  const char* bytes;
  const char* cpu_usage;  // or null

  bool weaker(u32 what) const { return (blob.weaker & what) != 0; }
  Mount mount(u32 index) const;
  const char* group(u32 index) const;
  Setting setting(u32 index) const;
};

// Checks `size` bytes at `bytes`, aligned to 8, which stay in use. Returns null, or what is wrong.
const char* parse_config(const char* bytes, size_t size, Config& config);

// Is `path` absolute, shorter than kPathMax, without empty, "." and ".." components (a final '/' too)?
bool is_plain_path(const char* path);

}  // namespace barchan::sandbox

#endif
