// Windows: 1 GiB of guest-virtual space that was touched, its guest-physical range and its memslot. Guest
// physical addresses are handed out compactly from 4 GiB up, since processors may have as few as 39 bits.
#include "host/string.h"
#include "kvm/features.h"
#include "monitor/mm/space.h"
#include "monitor/report.h"

namespace barchan::mm {
namespace {

constexpr u64 kFirstPhysical = 4ull << 30;
constexpr u32 kFirstSlot = 128;  // below: the system region's chunks
constexpr u32 kMaxWindows = 4096;

struct Window {
  u32 index_va;        // virtual address / kWindowSize
  u32 index_physical;  // (physical - kFirstPhysical) / kWindowSize; also the slot less kFirstSlot
};

Window windows[kMaxWindows];  // ordered by index_va
u32 count;
Window last;  // most faults hit the window before

u64 physical_of(u32 index) { return kFirstPhysical + index * kWindowSize; }

i64 attach(const Window& w) {
  const u32 slot = kFirstSlot + w.index_physical;
  const u64 physical = physical_of(w.index_physical);
  const auto* host = reinterpret_cast<void*>(w.index_va * kWindowSize);
  const i64 result = kvm::set_memslot(space.vm, slot, physical, kWindowSize, host);
  if (result != -EINVAL) return result;
  // Left by a thread of another process that was killed before it had noted the window down.
  kvm::set_memslot(space.vm, slot, physical, 0, nullptr);
  return kvm::set_memslot(space.vm, slot, physical, kWindowSize, host);
}

u32 position_of(u32 index_va) {
  u32 low = 0, high = count;
  while (low < high) {
    const u32 middle = (low + high) / 2;
    if (windows[middle].index_va < index_va) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

u32 limit() {
  const u64 space_above = (1ull << kvm::physical_bits()) - kFirstPhysical;
  return static_cast<u32>(min(space_above / kWindowSize, static_cast<u64>(kMaxWindows)));
}

// Takes a window whose addresses are all unmapped; its page-table entries are absent then. False if none.
bool recycle(u32& physical) {
  for (u32 i = 0; i < count; i++) {
    const u64 va = windows[i].index_va * kWindowSize;
    if (space.vmas.overlaps(va, va + kWindowSize)) continue;
    physical = windows[i].index_physical;
    kvm::set_memslot(space.vm, kFirstSlot + physical, physical_of(physical), 0, nullptr);
    for (u32 j = i; j + 1 < count; j++) windows[j] = windows[j + 1];
    count--;
    last = {};
    return true;
  }
  return false;
}

}  // namespace

u64 window_physical(u64 va) {
  const u32 index_va = static_cast<u32>(va / kWindowSize);
  if (last.index_va == index_va && count) return physical_of(last.index_physical) + va % kWindowSize;
  u32 at = position_of(index_va);
  if (at == count || windows[at].index_va != index_va) {
    Window fresh = {index_va, count};
    if (count >= limit()) {
      if (!recycle(fresh.index_physical)) return 0;
      at = position_of(index_va);
    }
    if (attach(fresh) < 0) return 0;
    for (u32 j = count; j > at; j--) windows[j] = windows[j - 1];
    windows[at] = fresh;
    count++;
  }
  last = windows[at];
  return physical_of(last.index_physical) + va % kWindowSize;
}

void windows_attach_slots() {
  for (u32 i = 0; i < count; i++) {
    const i64 r = attach(windows[i]);
    if (r < 0) monitor_crash("window memslot", windows[i].index_va, static_cast<u64>(-r));
  }
}

}  // namespace barchan::mm
