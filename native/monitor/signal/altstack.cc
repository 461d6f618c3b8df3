// The alternate signal stack (man 2 sigaltstack).
#include "abi/layout.h"
#include "monitor/signal/internal.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

namespace barchan::signal {

bool on_stack(const AltStack& stack, u64 rsp) {
  if (stack.flags & SS_AUTODISARM) return false;
  return rsp > stack.sp && rsp - stack.sp <= stack.size;
}

i64 change_stack(Thread& t, u64 sp, u32 flags, u64 size, u64 rsp) {
  if (on_stack(t.altstack, rsp)) return -EPERM;
  const u32 mode = flags & ~SS_AUTODISARM;
  if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) return -EINVAL;
  if (t.altstack.sp == sp && t.altstack.size == size && t.altstack.flags == flags) return 0;
  if (mode == SS_DISABLE) {
    sp = 0;
    size = 0;
  } else if (size < MINSIGSTKSZ) {
    return -ENOMEM;
  }
  t.altstack.sp = sp;
  t.altstack.flags = flags;
  t.altstack.size = size;
  return 0;
}

void hand_over_altstack_flags(const Thread& t) {
  // No handler of the monitor's asks for an alternate stack, so this one is never used.
  constexpr u64 kSize = 1 << 20;
  stack_t stack = {};
  stack.ss_flags = static_cast<int>(t.altstack.flags);
  stack.ss_sp = reinterpret_cast<void*>(BARCHAN_ARENA_START);
  stack.ss_size = kSize;
  host::call(__NR_sigaltstack, &stack, nullptr);
}

}  // namespace barchan::signal
