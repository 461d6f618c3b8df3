#include "host/string.h"
#include "sandbox/cgroup.h"

namespace barchan::sandbox {
namespace {

constexpr i64 kGreatest = 0x7fffffffffffffff;

}  // namespace

i64 parse_processor_time(const char* from, size_t size) {
  static constexpr char kName[] = "usage_usec ";
  constexpr size_t kNameSize = sizeof kName - 1;
  size_t at = 0;
  const bool plain = size > 0 && from[0] >= '0' && from[0] <= '9';
  if (!plain) {
    for (;; at++) {
      if (size < kNameSize || at > size - kNameSize) return -1;
      if ((at == 0 || from[at - 1] == '\n') && memcmp(from + at, kName, kNameSize) == 0) break;
    }
    at += kNameSize;
  }
  i64 value = 0;
  size_t digits = 0;
  for (; at < size && from[at] >= '0' && from[at] <= '9'; at++) {
    if (value > (kGreatest - 9) / 10) return -1;
    value = value * 10 + (from[at] - '0');
    digits++;
  }
  if (digits == 0) return -1;
  return plain ? value / 1000 : value;
}

}  // namespace barchan::sandbox
