// Any bytes as /proc/PID/stat.
#include <cstdint>
#include <cstdlib>

#include "supervisor/family.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const barchan::i64 parent = barchan::supervisor::parent_of(reinterpret_cast<const char*>(data), size);
  if (parent < -1 || parent > 0x7fffffff) abort();
  return 0;
}
