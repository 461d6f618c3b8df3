// Contract: host/interruptible.h. The routine itself is interruptible_x86_64.S.
#include "host/interruptible.h"

namespace barchan::host {

extern "C" {
[[gnu::visibility("hidden")]] extern const u8 barchan_interruptible_call[];
[[gnu::visibility("hidden")]] extern const u8 barchan_interruptible_restart[];
}

static_assert(kRestart == -512, "interruptible_x86_64.S returns this number");

bool interrupt_before_call(u64& rip) {
  const u64 entry = reinterpret_cast<u64>(&barchan_interruptible);
  if (rip < entry || rip > reinterpret_cast<u64>(barchan_interruptible_call)) return false;
  rip = reinterpret_cast<u64>(barchan_interruptible_restart);
  return true;
}

}  // namespace barchan::host
