// VmaList against a model: one byte of state for each page of a small address range.
#include "monitor/mm/vma.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace barchan::mm {
namespace {

constexpr u64 kBase = 0x10000000;
constexpr u32 kPages = 200;
constexpr u64 kEnd = kBase + kPages * kPageSize;

struct Model {
  std::vector<int> pages = std::vector<int>(kPages, -1);  // -1 free, else prot | flags << 3

  int& at(u64 address) { return pages[(address - kBase) / kPageSize]; }
};

class VmaListTest : public ::testing::Test {
 protected:
  VmaListTest() : storage(kMaxVmas) { list.reset(storage.data()); }

  void expect_equal(Model& model) {
    u64 last_end = 0;
    for (u32 i = 0; i < list.count(); i++) {
      ASSERT_LT(list.at(i).start, list.at(i).end);
      ASSERT_GE(list.at(i).start, last_end) << "out of order or overlapping at " << i;
      last_end = list.at(i).end;
    }
    for (u64 a = kBase; a < kEnd; a += kPageSize) {
      const Vma* v = list.find(a);
      ASSERT_EQ(v ? v->prot | v->flags << 3 : -1, model.at(a)) << std::hex << a;
    }
  }

  std::vector<Vma> storage;
  VmaList list;
};

TEST_F(VmaListTest, AgreesWithAModelUnderRandomOperations) {
  std::mt19937 random(20261123);
  Model model;
  for (int step = 0; step < 20000; step++) {
    const u32 first = random() % kPages;
    const u32 count = 1 + random() % (kPages - first < 20 ? kPages - first : 20);
    const u64 start = kBase + first * kPageSize, end = start + count * kPageSize;
    const u8 prot = random() % 8;
    switch (random() % 3) {
      case 0: {
        const u16 flags = random() % 2 ? kVmaFile : 0;
        list.remove(start, end);
        list.insert(start, end, prot, flags);
        for (u64 a = start; a < end; a += kPageSize) model.at(a) = prot | flags << 3;
        break;
      }
      case 1:
        list.remove(start, end);
        for (u64 a = start; a < end; a += kPageSize) model.at(a) = -1;
        break;
      case 2:
        list.set_prot(start, end, prot);
        for (u64 a = start; a < end; a += kPageSize)
          if (model.at(a) >= 0) model.at(a) = prot | (model.at(a) >> 3) << 3;
        break;
    }
    if (step % 50 == 0) expect_equal(model);
    bool overlaps = false, covers = true;
    for (u64 a = start; a < end; a += kPageSize) (model.at(a) >= 0 ? overlaps : covers) = model.at(a) >= 0;
    ASSERT_EQ(list.overlaps(start, end), overlaps);
    ASSERT_EQ(list.covers(start, end), covers);
  }
  expect_equal(model);
}

TEST_F(VmaListTest, FindsTheHighestAndTheLowestGap) {
  list.insert(kBase + 10 * kPageSize, kBase + 20 * kPageSize, 1, 0);
  list.insert(kBase + 24 * kPageSize, kBase + 30 * kPageSize, 3, 0);
  EXPECT_EQ(list.gap_below(kBase, kBase + 30 * kPageSize, 4 * kPageSize, kPageSize), kBase + 20 * kPageSize);
  EXPECT_EQ(list.gap_below(kBase, kBase + 30 * kPageSize, 5 * kPageSize, kPageSize), kBase + 5 * kPageSize);
  EXPECT_EQ(list.gap_below(kBase, kBase + 30 * kPageSize, 11 * kPageSize, kPageSize), 0u);
  EXPECT_EQ(list.gap_above(kBase, kEnd, 10 * kPageSize, kPageSize), kBase);
  EXPECT_EQ(list.gap_above(kBase, kEnd, 11 * kPageSize, kPageSize), kBase + 30 * kPageSize);
  EXPECT_EQ(list.gap_above(kBase + 12 * kPageSize, kEnd, kPageSize, kPageSize), kBase + 20 * kPageSize);
  EXPECT_EQ(list.gap_above(kBase, kBase + 30 * kPageSize, 11 * kPageSize, kPageSize), 0u);
}

TEST_F(VmaListTest, MergesEqualNeighboursButNeverGrowingStacks) {
  list.insert(kBase, kBase + kPageSize, 3, 0);
  list.insert(kBase + kPageSize, kBase + 2 * kPageSize, 3, 0);
  EXPECT_EQ(list.count(), 1u);
  list.insert(kBase + 2 * kPageSize, kBase + 3 * kPageSize, 3, kVmaGrowsDown);
  list.insert(kBase + 3 * kPageSize, kBase + 4 * kPageSize, 3, kVmaGrowsDown);
  EXPECT_EQ(list.count(), 3u);
  // Splitting a stack leaves only the lowest part growing.
  list.remove(kBase + 2 * kPageSize, kBase + 4 * kPageSize);
  list.insert(kBase + 2 * kPageSize, kBase + 6 * kPageSize, 3, kVmaGrowsDown);
  list.set_prot(kBase + 4 * kPageSize, kBase + 5 * kPageSize, 1);
  EXPECT_TRUE(list.find(kBase + 2 * kPageSize)->flags & kVmaGrowsDown);
  EXPECT_FALSE(list.find(kBase + 5 * kPageSize)->flags & kVmaGrowsDown);
}

}  // namespace
}  // namespace barchan::mm
