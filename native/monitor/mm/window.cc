// Windows: 1 GiB of guest-virtual space that was touched, its guest-physical range and its memslots. Guest
// physical addresses are handed out compactly from 4 GiB up, since processors may have as few as 39 bits.
//
// A memslot is attached for each part of a window that is touched, as KVM may keep tables as long as the slot is (8 bytes
// for each page where it shadows page tables): to make and free those of 1 GiB takes longer than all the rest of a fork.
#include "host/string.h"
#include "kvm/features.h"
#include "monitor/mm/space.h"
#include "monitor/report.h"

namespace barchan::mm {
namespace {

constexpr u64 kFirstPhysical = 4ull << 30;
constexpr u32 kFirstSlot = 128;  // below: the system region's chunks
constexpr u32 kMaxWindows = 4096;
constexpr u32 kParts = kWindowSize / kWindowPart;
constexpr u32 kWhole = (1u << kParts) - 1;
// Windows from this one on have one slot: older kernels have 509 slots in all.
constexpr u32 kPartedWindows = 32;

struct Window {
  u32 index_va;        // virtual address / kWindowSize
  u16 index_physical;  // (physical - kFirstPhysical) / kWindowSize
  u16 attached;        // bit n: part n has a slot
};

Window windows[kMaxWindows];  // ordered by index_va
u32 count;
Window last;  // most faults hit the window before

u64 physical_of(u32 index) { return kFirstPhysical + index * kWindowSize; }

u32 slot_of(const Window& w, u32 part) {
  const u32 index = w.index_physical;
  return kFirstSlot +
         (index < kPartedWindows ? index * kParts + part : kPartedWindows * (kParts - 1) + index);
}

// One slot for `count` parts.
i64 attach(const Window& w, u32 part, u32 parts) {
  const u32 slot = slot_of(w, part);
  const u64 offset = part * kWindowPart, size = parts * kWindowPart;
  const u64 physical = physical_of(w.index_physical) + offset;
  const auto* host = reinterpret_cast<void*>(w.index_va * kWindowSize + offset);
  const i64 result = kvm::set_memslot(space.vm, slot, physical, size, host);
  if (result != -EINVAL) return result;
  // Left by a thread of another process that was killed before it had noted the window down.
  kvm::set_memslot(space.vm, slot, physical, 0, nullptr);
  return kvm::set_memslot(space.vm, slot, physical, size, host);
}

// The slot of the part at `va`, and what goes with it.
bool attach_part(Window& w, u64 va) {
  if (w.index_physical >= kPartedWindows) {
    if (attach(w, 0, kParts) < 0) return false;
    w.attached = kWhole;
    return true;
  }
  const u32 part = va % kWindowSize / kWindowPart;
  if (attach(w, part, 1) < 0) return false;
  w.attached |= static_cast<u16>(1u << part);
  return true;
}

bool is_attached(const Window& w, u64 va) { return w.attached >> (va % kWindowSize / kWindowPart) & 1; }

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
bool recycle(u16& physical) {
  for (u32 i = 0; i < count; i++) {
    const u64 va = windows[i].index_va * kWindowSize;
    if (space.vmas.overlaps(va, va + kWindowSize)) continue;
    physical = windows[i].index_physical;
    // A slot that covers more than one part has the first one's number.
    for (u32 part = 0; part < kParts; part++) {
      if (windows[i].attached >> part & 1)
        kvm::set_memslot(space.vm, slot_of(windows[i], part), physical_of(physical), 0, nullptr);
    }
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
  if (last.index_va == index_va && is_attached(last, va))
    return physical_of(last.index_physical) + va % kWindowSize;
  u32 at = position_of(index_va);
  if (at == count || windows[at].index_va != index_va) {
    Window fresh = {index_va, static_cast<u16>(count), 0};
    if (count >= limit()) {
      if (!recycle(fresh.index_physical)) return 0;
      at = position_of(index_va);
    }
    if (!attach_part(fresh, va)) return 0;
    for (u32 j = count; j > at; j--) windows[j] = windows[j - 1];
    windows[at] = fresh;
    count++;
  } else if (!is_attached(windows[at], va) && !attach_part(windows[at], va)) {
    return 0;
  }
  last = windows[at];
  return physical_of(last.index_physical) + va % kWindowSize;
}

void windows_attach_slots() {
  for (u32 i = 0; i < count; i++) {
    const Window& w = windows[i];
    for (u32 part = 0; part < kParts;) {
      u32 parts = 0;
      while (part + parts < kParts && w.attached >> (part + parts) & 1) parts++;
      if (parts != 0) {
        const i64 r = attach(w, part, parts);
        if (r < 0) monitor_crash("window memslot", w.index_va, static_cast<u64>(-r));
      }
      part += parts + 1;
    }
  }
}

}  // namespace barchan::mm
