// personality(2). The host kernel keeps the value per task and hands it on over fork and exec, as it should be.
// Flags that only change what calls report are set on the host as they are. ADDR_NO_RANDOMIZE is the guest's
// business and must not take the monitor's own randomization away: it is kept in a bit that means nothing to
// the host. Flags that would lay out or protect the monitor's memory otherwise are refused, as containers do.
#include "monitor/syscalls/personality.h"

#include <linux/personality.h>

#include "monitor/host_layout.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u32 kQuery = 0xffffffff;
constexpr u32 kHarmless = UNAME26 | SHORT_INODE | WHOLE_SECONDS | STICKY_TIMEOUTS;

i64 own() { return host::call(__NR_personality, kQuery); }

u32 to_guest(u32 host) {
  u32 shown = host & (kHarmless | PER_MASK);
  return host & kKeptFixedLayout ? shown | ADDR_NO_RANDOMIZE : shown;
}

}  // namespace

bool personality_fixed_layout() { return (static_cast<u32>(own()) & kKeptFixedLayout) != 0; }

i64 sys_personality(Thread& t, const Call& c) {
  u32 wanted = static_cast<u32>(c.arg[0]);
  i64 before = own();
  if (before < 0) return before;
  u32 old = static_cast<u32>(before);
  if (wanted == kQuery) return to_guest(old);
  u32 domain = wanted & PER_MASK;
  if (domain != PER_LINUX && domain != (PER_LINUX32 & PER_MASK)) return -EPERM;
  if (wanted & ~(kHarmless | PER_MASK | ADDR_NO_RANDOMIZE)) return -EPERM;
  u32 kept = old & ~(kHarmless | PER_MASK | kKeptFixedLayout);
  u32 host = kept | (wanted & (kHarmless | PER_MASK)) | (wanted & ADDR_NO_RANDOMIZE ? kKeptFixedLayout : 0);
  i64 result = host::call(__NR_personality, host);
  if (result < 0) return result;
  t.fixed_layout = wanted & ADDR_NO_RANDOMIZE;
  return to_guest(old);
}

}  // namespace barchan
