// Purpose: addresses of the gate's entry points, in the monitor's image and in guest virtual memory.
// Owner:   guest.
#ifndef BARCHAN_GUEST_GATE_H
#define BARCHAN_GUEST_GATE_H

#include "abi/layout.h"
#include "host/types.h"

extern "C" {
extern const barchan::u8 barchan_gate_start[], barchan_gate_end[], barchan_gate_syscall[],
    barchan_gate_sysret[], barchan_gate_iret[], barchan_gate_exceptions[], barchan_gate_selftest[],
    barchan_gate_selftest_end[];
}

namespace barchan::gate {

inline u64 offset_of(const u8* label) { return static_cast<u64>(label - barchan_gate_start); }
inline u64 va_of(const u8* label) { return BARCHAN_GATE_VA + offset_of(label); }
inline u64 syscall_va() { return va_of(barchan_gate_syscall); }
inline u64 sysret_va() { return va_of(barchan_gate_sysret); }
inline u64 iret_va() { return va_of(barchan_gate_iret); }
inline u64 exception_va(u32 vector) {
  return va_of(barchan_gate_exceptions) + vector * BARCHAN_EXCEPTION_STUB_SIZE;
}
inline bool contains(u64 rip) { return rip - BARCHAN_GATE_VA < BARCHAN_PAGE_SIZE; }

// The exception frame as C++ sees it (abi/layout.h).
struct Frame {
  u64 cr2, vector, error, rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(Frame) == BARCHAN_FRAME_SIZE);
static_assert(__builtin_offsetof(Frame, rip) == BARCHAN_FRAME_RIP);
static_assert(__builtin_offsetof(Frame, error) == BARCHAN_FRAME_ERROR);
static_assert(__builtin_offsetof(Frame, ss) == BARCHAN_FRAME_SS);

}  // namespace barchan::gate

#endif
