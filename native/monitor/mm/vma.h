// Purpose: the ordered list of the guest's mappings. Pure logic: no host calls, so it is unit-tested hosted.
// Owner:   monitor/mm. Threads: callers hold Space::lock.
#ifndef BARCHAN_MONITOR_MM_VMA_H
#define BARCHAN_MONITOR_MM_VMA_H

#include "host/types.h"

namespace barchan::mm {

// Bits of Vma::flags.
constexpr u16 kVmaShared = 1 << 0;
constexpr u16 kVmaFile = 1 << 1;  // pages may end before the mapping does (SIGBUS)
constexpr u16 kVmaGrowsDown = 1 << 2;
constexpr u16 kVmaDontFork = 1 << 3;    // MADV_DONTFORK
constexpr u16 kVmaShm = 1 << 4;         // shmat
constexpr u16 kVmaSpecial = 1 << 5;     // vdso, vvar
constexpr u16 kVmaSealed = 1 << 6;      // mseal
constexpr u16 kVmaWipeOnFork = 1 << 7;  // MADV_WIPEONFORK

struct Vma {
  u64 start, end;  // [start, end), page-aligned
  u16 flags;
  u8 prot;  // PROT_READ | PROT_WRITE | PROT_EXEC as the guest asked
};

// As Linux's default vm.max_map_count (65530).
constexpr u32 kMaxVmas = 65530;

class VmaList {
 public:
  // `storage` holds kMaxVmas entries and outlives the list.
  void reset(Vma* storage) {
    items_ = storage;
    count_ = 0;
  }
  u32 count() const { return count_; }
  // All entries, to storage as large as the list's own; and back.
  u32 copy_to(Vma* storage) const {
    for (u32 i = 0; i < count_; i++) storage[i] = items_[i];
    return count_;
  }
  void restore(const Vma* storage, u32 count) {
    for (u32 i = 0; i < count; i++) items_[i] = storage[i];
    count_ = count;
  }
  Vma& at(u32 index) { return items_[index]; }
  const Vma& at(u32 index) const { return items_[index]; }

  // Index of the first mapping that ends above `address`; count() when none.
  u32 first_after(u64 address) const;
  // The mapping that holds `address`, or null.
  const Vma* find(u64 address) const;
  bool overlaps(u64 start, u64 end) const;
  // True when [start, end) is mapped without holes.
  bool covers(u64 start, u64 end) const;

  // Two more entries are all that any single remove or insert needs.
  bool has_room() const { return count_ + 2 <= kMaxVmas; }
  // Pre: has_room() where a mapping would be split. Cuts [start, end) out.
  void remove(u64 start, u64 end);
  // Pre: has_room(), the range is free. Merges with equal neighbours.
  void insert(u64 start, u64 end, u8 prot, u16 flags);
  // Replaces protection (and flag bits) of the mapped parts of [start, end). Pre: has_room().
  void set_prot(u64 start, u64 end, u8 prot);
  void set_flags(u64 start, u64 end, u16 set, u16 clear);

  // Highest free [result, result + size) with floor <= result and result + size <= ceiling; 0 when none.
  u64 gap_below(u64 floor, u64 ceiling, u64 size, u64 align) const;
  // Lowest such.
  u64 gap_above(u64 floor, u64 ceiling, u64 size, u64 align) const;

 private:
  // Makes `address` a boundary between mappings when it lies inside one.
  void split(u64 address);
  void merge_around(u64 start, u64 end);
  void open(u32 index);
  void close(u32 index, u32 count);

  Vma* items_ = nullptr;
  u32 count_ = 0;
};

}  // namespace barchan::mm

#endif
