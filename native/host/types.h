// Purpose: fixed-width names used everywhere in native code.
// Owner:   host.
#ifndef BARCHAN_HOST_TYPES_H
#define BARCHAN_HOST_TYPES_H

#include <stddef.h>
#include <stdint.h>

namespace barchan {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

constexpr u64 kPageSize = 4096;
constexpr u64 page_down(u64 x) { return x & ~(kPageSize - 1); }
// Wraps to 0 for values in the last page of the address space: callers check the range first.
constexpr u64 page_up(u64 x) { return page_down(x + kPageSize - 1); }

template <typename T> constexpr T min(T a, T b) { return a < b ? a : b; }
template <typename T> constexpr T max(T a, T b) { return a > b ? a : b; }

}  // namespace barchan

#endif
