// What an address in the code that makes system calls says: whether the call was made, and where its number or result is.
#include "guest/call_code.h"

#include <gtest/gtest.h>

#include <vector>

namespace barchan::gate {
namespace {

struct Expected {
  u64 rip;
  Stage stage;
  bool from_site;
  Back back;
};

void expect_all(const std::vector<Expected>& all) {
  for (const Expected& e : all) {
    const CallCode code = call_code(e.rip);
    EXPECT_EQ(code.stage, e.stage) << std::hex << e.rip;
    EXPECT_EQ(code.from_site, e.from_site) << std::hex << e.rip;
    EXPECT_EQ(code.back, e.back) << std::hex << e.rip;
  }
}

TEST(CallCode, TellsTheStagesOfTheGate) {
  auto at = [](const u8* label, int offset = 0) { return va_of(label) + static_cast<u64>(offset); };
  expect_all({
      {at(barchan_gate_syscall), Stage::kUnposted, false, Back::kRcx},
      {at(barchan_gate_indexed, -1), Stage::kUnposted, false, Back::kRcx},
      {at(barchan_gate_indexed), Stage::kIndexed, false, Back::kRcx},
      {at(barchan_gate_unanswered, -1), Stage::kIndexed, false, Back::kRcx},
      {at(barchan_gate_unanswered), Stage::kUnposted, false, Back::kRcx},
      {at(barchan_gate_behind), Stage::kFinished, false, Back::kRcx},
      {at(barchan_gate_sysret), Stage::kLeft, false, Back::kRcx},
      {at(barchan_gate_named), Stage::kNamed, false, Back::kRcx},
      {at(barchan_gate_posted), Stage::kPosted, false, Back::kRcx},
      {at(barchan_gate_loaded), Stage::kLoaded, false, Back::kRcx},
      {at(barchan_gate_late_sysret), Stage::kLeft, false, Back::kRcx},
      {at(barchan_gate_answered), Stage::kIndexed, false, Back::kRcx},
      {at(barchan_gate_answered_loaded), Stage::kLoaded, false, Back::kRcx},
      {at(barchan_gate_answered_loaded, 3), Stage::kNone, false, Back::kRcx},
      {at(barchan_gate_iret), Stage::kNone, false, Back::kRcx},
      {exception_va(14), Stage::kNone, false, Back::kRcx},
  });
}

TEST(CallCode, TellsTheStagesOfCodeBesideTheGuests) {
  auto at = [](const u8* label, int offset = 0) { return user_va_of(label) + static_cast<u64>(offset); };
  expect_all({
      {at(barchan_user_syscall), Stage::kUnposted, false, Back::kRcx},
      {at(barchan_user_indexed, -1), Stage::kUnposted, false, Back::kRcx},
      {at(barchan_user_indexed), Stage::kIndexed, false, Back::kRcx},
      {at(barchan_user_unanswered), Stage::kUnposted, false, Back::kRcx},
      {at(barchan_user_sysret), Stage::kLeft, false, Back::kRcx},
      {at(barchan_user_named), Stage::kNamed, false, Back::kRcx},
      {at(barchan_user_posted), Stage::kPosted, false, Back::kRcx},
      {at(barchan_user_loaded), Stage::kLoaded, false, Back::kRcx},
      {at(barchan_user_late_sysret), Stage::kLeft, false, Back::kRcx},
      {at(barchan_user_answered), Stage::kIndexed, false, Back::kRcx},
      {at(barchan_user_answered_taken, -1), Stage::kIndexed, false, Back::kRcx},
      {at(barchan_user_answered_taken), Stage::kLoaded, false, Back::kRcx},
      {at(barchan_user_answered_kept), Stage::kKept, false, Back::kRcx},
      {at(barchan_user_answered_loaded, -1), Stage::kKept, false, Back::kRcx},
      {at(barchan_user_answered_loaded), Stage::kLoaded, false, Back::kRcx},
      {at(barchan_user_answered_end), Stage::kNone, false, Back::kRcx},
      {at(barchan_user_ring_closed), Stage::kUnposted, true, Back::kR11},
      {at(barchan_user_ring_answered, -1), Stage::kUnposted, true, Back::kR11},
      {at(barchan_user_ring_answered), Stage::kLoaded, true, Back::kR11},
      {at(barchan_user_ring_unserved, -1), Stage::kLoaded, true, Back::kR11},
      {at(barchan_user_ring_unserved), Stage::kUnposted, true, Back::kPage},
      {at(barchan_user_ring), Stage::kUnposted, true, Back::kRcx},
      {at(barchan_user_ring_kept), Stage::kUnposted, true, Back::kR11},
      {at(barchan_user_ring_saved), Stage::kUnposted, true, Back::kPage},
      {at(barchan_user_ring_posted), Stage::kPosted, true, Back::kPage},
      {at(barchan_user_ring_loaded), Stage::kLoaded, true, Back::kPage},
      {at(barchan_user_ring_unanswered), Stage::kPosted, true, Back::kPage},
      {BARCHAN_USER_CODE_VA + BARCHAN_PAGE_SIZE - 1, Stage::kNone, false, Back::kRcx},
      {0x400000, Stage::kNone, false, Back::kRcx},
  });
}

TEST(CallCode, FindsTheNumberOfAnIndexedCall) {
  for (u64 nr = 0; nr < BARCHAN_RING_CALLS; nr++) {
    const u64 offset = nr << BARCHAN_ANSWER_SHIFT;
    EXPECT_EQ(indexed_number(offset), nr);
    EXPECT_EQ(indexed_number(BARCHAN_ANSWERS_VA + offset), nr);
    EXPECT_EQ(indexed_number(BARCHAN_ANSWERS_SUPERVISOR_VA + offset), nr);
  }
}

}  // namespace
}  // namespace barchan::gate
