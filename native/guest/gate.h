// Purpose: addresses of the gate's entry points, in the monitor's image and in guest virtual memory.
// Owner:   guest.
#ifndef BARCHAN_GUEST_GATE_H
#define BARCHAN_GUEST_GATE_H

#include "abi/layout.h"
#include "host/types.h"

extern "C" {
extern const barchan::u8 barchan_gate_start[], barchan_gate_end[], barchan_gate_syscall[],
    barchan_gate_sysret[], barchan_gate_iret[], barchan_gate_exceptions[], barchan_gate_selftest[],
    barchan_gate_selftest_in[], barchan_gate_selftest_end[], barchan_gate_behind[];
extern const barchan::u8 barchan_gate_named[], barchan_gate_posted[], barchan_gate_loaded[],
    barchan_gate_late[], barchan_gate_late_sysret[], barchan_gate_indexed[], barchan_gate_unanswered[],
    barchan_gate_answered[], barchan_gate_answered_loaded[];
extern const barchan::u8 barchan_user_start[], barchan_user_end[], barchan_user_syscall[],
    barchan_user_sysret[], barchan_user_named[], barchan_user_posted[], barchan_user_loaded[],
    barchan_user_late[], barchan_user_late_sysret[], barchan_user_ring[], barchan_user_ring_kept[],
    barchan_user_ring_saved[], barchan_user_ring_unserved[], barchan_user_ring_posted[],
    barchan_user_ring_loaded[], barchan_user_ring_unanswered[], barchan_user_ring_late[],
    barchan_user_ring_closed[], barchan_user_ring_out[], barchan_user_ring_answered[], barchan_user_indexed[],
    barchan_user_unanswered[], barchan_user_answered[], barchan_user_answered_taken[],
    barchan_user_answered_kept[], barchan_user_answered_loaded[], barchan_user_answered_end[];
}

namespace barchan::gate {

inline u64 offset_of(const u8* label) { return static_cast<u64>(label - barchan_gate_start); }
inline u64 va_of(const u8* label) { return BARCHAN_GATE_VA + offset_of(label); }
inline u64 syscall_va() { return va_of(barchan_gate_syscall); }
inline u64 behind_va() { return va_of(barchan_gate_behind); }  // the `out` of system calls
inline u64 sysret_va() { return va_of(barchan_gate_sysret); }
inline u64 iret_va() { return va_of(barchan_gate_iret); }
inline u64 exception_va(u32 vector) {
  return va_of(barchan_gate_exceptions) + vector * BARCHAN_EXCEPTION_STUB_SIZE;
}
// Of the user-code page.
inline u64 user_va_of(const u8* label) {
  return BARCHAN_USER_CODE_VA + static_cast<u64>(label - barchan_user_start);
}
inline u64 user_syscall_va() { return user_va_of(barchan_user_syscall); }
inline u64 user_ring_va() { return user_va_of(barchan_user_ring); }
inline bool in_user_code(u64 rip) { return rip - BARCHAN_USER_CODE_VA < BARCHAN_PAGE_SIZE; }
// Of the gate's own page, which is ring 0's.
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
