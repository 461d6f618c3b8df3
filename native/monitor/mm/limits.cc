// RLIMIT_AS and RLIMIT_DATA, judged by the guest's own mappings (man 2 getrlimit); and the room below the stack.
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/guest_limits.h"
#include "monitor/mm/space.h"

namespace barchan::guest_limits {

bool in_use;

}  // namespace barchan::guest_limits

namespace barchan::mm {
namespace {

u64 limit_of(u32 resource) {
  rlimit64 limit;
  if (host::call(__NR_prlimit64, 0, resource, nullptr, &limit) < 0) return guest_limits::kNone;
  return guest_limits::from_host(limit.rlim_cur);
}

// What RLIMIT_DATA counts: private writable memory other than stacks.
bool is_data(u8 prot, u16 flags) {
  return prot & PROT_WRITE && !(flags & (kVmaShared | kVmaShm | kVmaGrowsDown));
}

struct Totals {
  u64 all, data;
};

Totals totals() {
  Totals t = {};
  for (u32 i = 0; i < space.vmas.count(); i++) {
    const Vma& v = space.vmas.at(i);
    t.all += v.end - v.start;
    if (is_data(v.prot, v.flags)) t.data += v.end - v.start;
  }
  return t;
}

}  // namespace

u64 mapped_bytes(u64 start, u64 end) {
  u64 bytes = 0;
  for (u32 i = space.vmas.first_after(start); i < space.vmas.count() && space.vmas.at(i).start < end; i++)
    bytes += min(end, space.vmas.at(i).end) - max(start, space.vmas.at(i).start);
  return bytes;
}

bool limits_allow(u64 more, u64 less, u8 prot, u16 flags) {
  if (!guest_limits::in_use) return true;
  const Totals t = totals();
  // As far as Linux goes: what is replaced is not counted, of whatever kind it is (mm/vma.c, may_expand_vm()).
  more = more > less ? more - less : 0;
  if (t.all + more > limit_of(RLIMIT_AS)) return false;
  return !is_data(prot, flags) || t.data + more <= limit_of(RLIMIT_DATA);
}

bool limits_allow_break(u64 more, u64 break_size) {
  if (!guest_limits::in_use) return true;
  return break_size <= limit_of(RLIMIT_DATA) && limits_allow(more, 0, PROT_READ | PROT_WRITE, 0);
}

bool limits_allow_writing(const Vma& v, u64 bytes) {
  if (!guest_limits::in_use || is_data(v.prot, v.flags) || !is_data(PROT_WRITE, v.flags)) return true;
  return totals().data + bytes <= limit_of(RLIMIT_DATA);
}

bool has_room() { return space.vmas.has_room() && space.guards.has_room(); }

void leave_reserve(u64 start, u64 end) {
  if (end > space.reserve && start < space.layout.stack_top) space.reserve = min(end, space.layout.stack_top);
}

}  // namespace barchan::mm
