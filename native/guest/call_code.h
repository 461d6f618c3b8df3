// Purpose: what an address in the code that makes system calls (gate.S, user_code.S) says about the call.
// Owner:   guest. Pure logic. Trust: where ring 3 runs that code, it may have jumped anywhere into it.
#ifndef BARCHAN_GUEST_CALL_CODE_H
#define BARCHAN_GUEST_CALL_CODE_H

#include "guest/gate.h"

namespace barchan::gate {

enum class Stage {
  kNone,      // elsewhere
  kUnposted,  // RAX is the call's number
  kIndexed,   // RAX is the address of the call's answer, or its offset in the page: indexed_number()
  kNamed,     // the number is in the ring page, nothing is posted
  kPosted,    // the number is in the ring page; its answer says whether the call was made
  kKept,      // the call was answered, the answer is in the ring page
  kLoaded,    // the call was made or answered, RAX is its result
  kLeft,      // behind an OUT: the monitor knows
  kFinished,  // as kLeft, and RAX may be the lower half of the result only (Vm::results_by_in)
};

// Where the address is to which the call goes back.
enum class Back { kRcx, kR11, kPage };

struct CallCode {
  Stage stage = Stage::kNone;
  bool from_site = false;  // a patched site's call: flags are in RFLAGS, not in R11
  Back back = Back::kRcx;
};

// Pre: a SYSCALL entry's labels in ascending order, by address.
constexpr Stage stage_of_entry(u64 rip, u64 entry, u64 left, u64 named, u64 posted, u64 loaded, u64 behind,
                               u64 late_left) {
  if (rip < entry || rip > late_left) return Stage::kNone;
  if (rip == left || rip == late_left) return Stage::kLeft;
  if (rip < named) return Stage::kUnposted;
  if (rip < posted) return Stage::kNamed;
  return rip >= loaded && rip < behind ? Stage::kLoaded : Stage::kPosted;
}

constexpr u64 indexed_number(u64 rax) { return (rax & (BARCHAN_PAGE_SIZE - 1)) >> BARCHAN_ANSWER_SHIFT; }

constexpr u64 kSysretSize = 3, kJumpSize = 2;  // SYSRETQ, JMP *%rcx

inline CallCode call_code(u64 rip) {
  if (contains(rip)) {
    if (rip == va_of(barchan_gate_answered_loaded)) return {Stage::kLoaded, false, Back::kRcx};
    if ((rip >= va_of(barchan_gate_indexed) && rip < va_of(barchan_gate_unanswered)) ||
        (rip >= va_of(barchan_gate_answered) && rip < va_of(barchan_gate_answered_loaded)))
      return {Stage::kIndexed, false, Back::kRcx};
    if (rip == behind_va()) return {Stage::kFinished, false, Back::kRcx};
    const u64 loaded = va_of(barchan_gate_loaded);
    return {
        stage_of_entry(rip, syscall_va(), sysret_va(), va_of(barchan_gate_named), va_of(barchan_gate_posted),
                       loaded, loaded + kSysretSize, va_of(barchan_gate_late_sysret)),
        false, Back::kRcx};
  }
  if (!in_user_code(rip)) return {};
  auto at = [rip](const u8* label) { return rip >= user_va_of(label); };
  if (at(barchan_user_indexed) && !at(barchan_user_unanswered)) return {Stage::kIndexed, false, Back::kRcx};
  if (at(barchan_user_answered) && !at(barchan_user_answered_end)) {
    const bool kept = at(barchan_user_answered_kept) && !at(barchan_user_answered_loaded);
    return {kept                              ? Stage::kKept
            : at(barchan_user_answered_taken) ? Stage::kLoaded
                                              : Stage::kIndexed,
            false, Back::kRcx};
  }
  const u64 loaded = user_va_of(barchan_user_loaded);
  const Stage entry = stage_of_entry(rip, user_syscall_va(), user_va_of(barchan_user_sysret),
                                     user_va_of(barchan_user_named), user_va_of(barchan_user_posted), loaded,
                                     loaded + kJumpSize, user_va_of(barchan_user_late_sysret));
  if (entry != Stage::kNone) return {entry, false, Back::kRcx};
  if (!at(barchan_user_ring_closed) || rip > user_va_of(barchan_user_ring_late)) return {};
  if (!at(barchan_user_ring)) {
    // In front of the entry lies what leaves the guest: from R11, through RCX.
    const bool in_page = at(barchan_user_ring_unserved);
    const bool answered = at(barchan_user_ring_answered) && !in_page;
    return {answered ? Stage::kLoaded : Stage::kUnposted, true, in_page ? Back::kPage : Back::kR11};
  }
  if (!at(barchan_user_ring_posted)) {
    const Back back = !at(barchan_user_ring_kept)    ? Back::kRcx
                      : !at(barchan_user_ring_saved) ? Back::kR11
                                                     : Back::kPage;
    return {Stage::kUnposted, true, back};
  }
  const bool made = at(barchan_user_ring_loaded) && !at(barchan_user_ring_unanswered);
  return {made ? Stage::kLoaded : Stage::kPosted, true, Back::kPage};
}

// An OUT leaves RIP on itself or behind itself, by the way KVM carried it out.
constexpr u64 kOutSize = 2;
inline bool at_out(u64 rip, u64 behind) { return rip == behind || rip + kOutSize == behind; }

}  // namespace barchan::gate

#endif
