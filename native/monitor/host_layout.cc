#include "monitor/host_layout.h"

#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/resource.h>

#include "abi/layout.h"
#include "host/syscall.h"

namespace barchan {
namespace {

// An odd number on purpose: found at the second try of a first start, it tells that the first try lowered it.
constexpr u64 kBound = (u64{1} << 42) + 0xbac000;
// The lowest place that the host's mmap area may start at (arch/x86/mm/mmap.c): below the stack's limit, a gap for
// its randomization, and 32 bits of pages. The monitor's mappings go down from there and need far less than 2^40.
static_assert((u64{1} << 47) - (u64{1} << 44) - (u64{1} << 35) - kBound - (u64{1} << 40) > BARCHAN_ARENA_END);
constexpr u32 kUnwanted =
    ADDR_COMPAT_LAYOUT | ADDR_LIMIT_32BIT | ADDR_LIMIT_3GB | READ_IMPLIES_EXEC | MMAP_PAGE_ZERO;

struct Limit {  // struct rlimit64
  u64 soft, hard;
};

i64 get(Limit& limit) { return host::call(__NR_prlimit64, 0, RLIMIT_STACK, nullptr, &limit); }
i64 set(const Limit& limit) { return host::call(__NR_prlimit64, 0, RLIMIT_STACK, &limit, nullptr); }

const char anchor = 0;

}  // namespace

i64 stack_limit_bound(u64& soft) {
  Limit limit;
  if (i64 r = get(limit); r < 0) return r;
  soft = limit.soft;
  if (soft <= kBound) return 0;
  limit.soft = kBound;
  return set(limit);
}

void stack_limit_restore(u64 soft) {
  Limit limit;
  if (soft <= kBound || get(limit) < 0 || limit.soft != kBound) return;
  limit.soft = min(soft, limit.hard);
  set(limit);
}

bool layout_is_high() {
  i64 probe = host::call(__NR_mmap, 0, kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (host::is_error(probe)) return false;
  host::call(__NR_munmap, probe, kPageSize);
  return static_cast<u64>(probe) >= BARCHAN_ARENA_END && reinterpret_cast<u64>(&anchor) >= BARCHAN_ARENA_END;
}

bool settle_layout(bool again) {
  i64 personality = host::call(__NR_personality, 0xffffffff);
  bool was_fixed = false;
  if (personality >= 0 && (static_cast<u32>(personality) & (kUnwanted | ADDR_NO_RANDOMIZE)) != 0) {
    u32 wanted = static_cast<u32>(personality) & ~(kUnwanted | ADDR_NO_RANDOMIZE);
    was_fixed = static_cast<u32>(personality) & ADDR_NO_RANDOMIZE;
    host::call(__NR_personality, was_fixed ? wanted | kKeptFixedLayout : wanted);
  }
  Limit limit;
  if (again && get(limit) == 0 && limit.soft == kBound) stack_limit_restore(limit.hard);
  if (layout_is_high()) return again || !was_fixed;
  u64 soft;
  stack_limit_bound(soft);
  return false;
}

}  // namespace barchan
