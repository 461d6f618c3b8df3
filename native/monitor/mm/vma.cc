#include "monitor/mm/vma.h"

namespace barchan::mm {
namespace {

bool mergeable(const Vma& a, const Vma& b) {
  return a.end == b.start && a.prot == b.prot && a.flags == b.flags &&
         !(a.flags & (kVmaGrowsDown | kVmaShm | kVmaSpecial));
}

}  // namespace

u32 VmaList::first_after(u64 address) const {
  u32 low = 0, high = count_;
  while (low < high) {
    const u32 middle = (low + high) / 2;
    if (items_[middle].end > address) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

const Vma* VmaList::find(u64 address) const {
  const u32 i = first_after(address);
  return i < count_ && items_[i].start <= address ? &items_[i] : nullptr;
}

bool VmaList::overlaps(u64 start, u64 end) const {
  const u32 i = first_after(start);
  return i < count_ && items_[i].start < end;
}

bool VmaList::covers(u64 start, u64 end) const {
  for (u32 i = first_after(start); i < count_ && items_[i].start <= start; i++) {
    start = items_[i].end;
    if (start >= end) return true;
  }
  return false;
}

void VmaList::open(u32 index) {
  for (u32 i = count_; i > index; i--) items_[i] = items_[i - 1];
  count_++;
}

void VmaList::close(u32 index, u32 count) {
  for (u32 i = index; i + count < count_; i++) items_[i] = items_[i + count];
  count_ -= count;
}

void VmaList::split(u64 address) {
  const u32 i = first_after(address);
  if (i == count_ || items_[i].start >= address) return;
  open(i);
  items_[i].end = address;
  items_[i + 1].start = address;
  // Only the lowest part of a growing stack grows.
  items_[i + 1].flags &= static_cast<u16>(~kVmaGrowsDown);
}

void VmaList::remove(u64 start, u64 end) {
  split(start);
  split(end);
  const u32 first = first_after(start);
  u32 last = first;
  while (last < count_ && items_[last].start < end) last++;
  if (last > first) close(first, last - first);
}

void VmaList::insert(u64 start, u64 end, u8 prot, u16 flags) {
  const u32 i = first_after(start);
  open(i);
  items_[i] = Vma{start, end, flags, prot};
  merge_around(start, end);
}

void VmaList::merge_around(u64 start, u64 end) {
  u32 i = first_after(start);
  if (i > 0) i--;
  while (i + 1 < count_ && items_[i].start <= end) {
    if (mergeable(items_[i], items_[i + 1])) {
      items_[i].end = items_[i + 1].end;
      close(i + 1, 1);
    } else {
      i++;
    }
  }
}

void VmaList::set_prot(u64 start, u64 end, u8 prot) {
  split(start);
  split(end);
  for (u32 i = first_after(start); i < count_ && items_[i].start < end; i++) items_[i].prot = prot;
  merge_around(start, end);
}

void VmaList::set_flags(u64 start, u64 end, u16 set, u16 clear) {
  split(start);
  split(end);
  for (u32 i = first_after(start); i < count_ && items_[i].start < end; i++)
    items_[i].flags = static_cast<u16>((items_[i].flags | set) & ~clear);
  merge_around(start, end);
}

u64 VmaList::gap_below(u64 floor, u64 ceiling, u64 size, u64 align) const {
  if (ceiling < floor || ceiling - floor < size) return 0;
  u32 i = first_after(ceiling - 1);
  u64 top = ceiling;
  if (i < count_ && items_[i].start < top) top = items_[i].start;
  for (;;) {
    const u64 bottom = i > 0 ? (items_[i - 1].end > floor ? items_[i - 1].end : floor) : floor;
    if (top >= bottom && top - bottom >= size) {
      const u64 at = (top - size) & ~(align - 1);
      if (at >= bottom) return at;
    }
    if (i == 0 || items_[i - 1].start <= floor) return 0;
    top = items_[--i].start;
  }
}

u64 VmaList::gap_above(u64 floor, u64 ceiling, u64 size, u64 align) const {
  u64 bottom = floor;
  for (u32 i = first_after(floor);; i++) {
    const u64 at = (bottom + align - 1) & ~(align - 1);
    const u64 top = i < count_ && items_[i].start < ceiling ? items_[i].start : ceiling;
    if (at >= bottom && top >= at && top - at >= size) return at;
    if (i >= count_ || items_[i].end >= ceiling) return 0;
    bottom = items_[i].end > bottom ? items_[i].end : bottom;
  }
}

}  // namespace barchan::mm
