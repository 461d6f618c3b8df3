// Making arguments harmless: what the guest may use stays as it is, what it may not becomes something that the
// kernel refuses in the same way.
#include "monitor/check.h"

#include <asm/unistd.h>
#include <gtest/gtest.h>

#include <random>

namespace barchan::check {
namespace {

constexpr u64 kStart = BARCHAN_ARENA_START, kTop = BARCHAN_ARENA_TOP, kEnd = BARCHAN_ARENA_END;
constexpr u64 kInside = 0x123456789000;
constexpr u32 kBase = 4096;
constexpr u64 kKernel = 0xffffffff81000000;

struct Arguments {
  u64 of[6] = {};
};

Arguments checked(u32 nr, Arguments a) {
  arguments(table::kTable.of[nr], a.of, kBase);
  return a;
}

// Neither in monitor memory nor able to run into it: the arena, the unmapped first pages, or the kernel's half.
bool is_harmless(u64 address, u64 size) {
  if (address >= kStart && address < kEnd) return size <= kEnd - address;
  if (address < kStart) return size <= kStart - address;
  return address >= kBadPointer;
}

bool is_in_hole(u64 address) { return address >= kTop && address < kEnd; }
bool is_bad(u64 address) { return address >= kBadPointer && address < kBadPointer + kPageSize; }

TEST(CheckPointer, StaysInsideTheArena) {
  for (u64 p : {kStart, kInside, kInside + 7, kTop - 1, kEnd - 16}) EXPECT_EQ(pointer(p, 16, false), p);
}

TEST(CheckPointer, OutsideFaultsAsItDidBefore) {
  EXPECT_EQ(pointer(kStart - 1, 16, false), kHole + 0xfff);
  EXPECT_EQ(pointer(kEnd, 16, false), kHole);
  EXPECT_EQ(pointer(0x7ffff7a01234, 16, false), kHole + 0x234)
      << "low bits, which alignment checks look at, are kept";
  EXPECT_TRUE(is_in_hole(pointer(kEnd - 15, 16, false)));
  for (u64 p : {kUserEnd, kUserEnd - 15, u64{1} << 47, u64{1} << 63, kKernel, ~u64{0}}) {
    EXPECT_TRUE(is_bad(pointer(p, 16, false))) << std::hex << p;
  }
}

TEST(CheckPointer, NullStaysOnlyWhereItHasAMeaning) {
  EXPECT_EQ(pointer(0, 16, true), 0u);
  EXPECT_EQ(pointer(0, 16, false), kHole);
}

TEST(CheckBuffer, LengthIsCutAtTheArenasEnd) {
  u64 count = 100;
  EXPECT_EQ(buffer(kInside, 8, 0, false, count), kInside);
  EXPECT_EQ(count, 100u);
  count = kEnd;
  EXPECT_EQ(buffer(kInside, 1, 0, false, count), kInside);
  EXPECT_EQ(count, kEnd - kInside);
  count = 0x10000000000;
  EXPECT_EQ(buffer(kTop - 8, 8, 8, false, count), kTop - 8);
  EXPECT_EQ(count, (kEnd - kTop) / 8);
}

TEST(CheckBuffer, OverflowingLengthsAreNotUserMemory) {
  for (u64 size : {u64{1}, u64{8}, u64{64}}) {
    u64 count = ~u64{0};
    EXPECT_TRUE(is_bad(buffer(kInside, size, 0, false, count)));
    count = ~u64{0} / size;
    EXPECT_TRUE(is_bad(buffer(kInside, size, 8, false, count)));
  }
}

TEST(CheckBuffer, ZeroLengthAtABadAddressBecomesHarmless) {
  u64 count = 0;
  EXPECT_TRUE(is_in_hole(buffer(0x7ffff7a00000, 1, 0, false, count)));
  EXPECT_TRUE(is_in_hole(buffer(0, 1, 0, false, count)));
  EXPECT_TRUE(is_bad(buffer(kKernel, 1, 0, false, count)));
  EXPECT_EQ(count, 0u);
}

TEST(CheckBuffer, InTheHoleKeepsAtLeastAnElement) {
  u64 count = 1;
  EXPECT_TRUE(is_in_hole(buffer(kEnd - 1, 64, 0, false, count)));
  EXPECT_EQ(count, 1u);
}

TEST(CheckBuffer, NullWithALengthReachesOnlyUnmappedPages) {
  u64 count = kEnd;
  EXPECT_EQ(buffer(0, 16, 8, true, count), 0u);
  EXPECT_LE(8 + 16 * count, kStart);
}

TEST(CheckRange, KeepsWhatTheKernelsChecksSee) {
  auto ranged = [](u64 address, u64 size) {
    address = range(address, size);
    return std::pair(address, size);
  };
  EXPECT_EQ(ranged(kInside + 7, 100), std::pair(kInside + 7, u64{100}));
  EXPECT_EQ(ranged(kInside, 0), std::pair(kInside, u64{0}));
  auto [nothing, unchanged] = ranged(kInside, ~u64{0});
  EXPECT_TRUE(is_bad(nothing))
      << "rounds to nothing: mincore refuses it by the address, no other call looks at it";
  EXPECT_EQ(unchanged, ~u64{0});
  EXPECT_EQ(ranged(kInside + 0x200, ~u64{0}), std::pair(kInside + 0x200, kPageSize - 0x200))
      << "rounds to a page";
  EXPECT_EQ(ranged(kInside, kEnd), std::pair(kInside, kEnd - kInside));
  EXPECT_EQ(ranged(0x7ffff7a00010, 16), std::pair(kHole + 0x10, u64{16}));
  EXPECT_EQ(ranged(0, 16), std::pair(kHole, u64{16}));
  auto [bad, size] = ranged(kKernel, 4096);
  EXPECT_TRUE(is_bad(bad));
  EXPECT_EQ(size, 4096u);
  for (u64 address : {~u64{0}, u64{0xfffffffffffff000}, kKernel}) {
    auto [wraps, length] = ranged(address, u64{1} << 47);
    EXPECT_GE(wraps, kBadPointer);
    EXPECT_EQ(page_down(wraps) + page_up((wraps & 0xfff) + length), 0u) << "the end wraps around still";
  }
}

TEST(CheckArguments, DescriptorsAreCutTo32BitsAndPrivateOnesAreClosed) {
  EXPECT_EQ(checked(__NR_fsync, {{3}}).of[0], 3u);
  EXPECT_EQ(checked(__NR_fsync, {{0xdead00000003}}).of[0], 3u);
  EXPECT_EQ(checked(__NR_fsync, {{0xffffffff}}).of[0], ~u64{0});
  EXPECT_EQ(checked(__NR_fsync, {{kBase - 1}}).of[0], kBase - 1);
  for (u64 fd : {u64{kBase}, u64{kBase + 1}, u64{0x7fffffff}, u64{0xab00001000}}) {
    EXPECT_EQ(checked(__NR_fsync, {{fd}}).of[0], static_cast<u64>(kClosedFd));
  }
  EXPECT_EQ(checked(__NR_openat, {{0xffffff9c, kInside}}).of[0], static_cast<u64>(-100)) << "AT_FDCWD";
}

TEST(CheckArguments, LengthsAreReadInTheWidthOfTheirKind) {
  // socklen_t is an int: the upper half of the register is no part of it, and a negative one counts nothing.
  EXPECT_EQ(checked(__NR_connect, {{3, kTop - 16, 0xff00000010}}).of[2], 0xff00000010u);
  Arguments negative = checked(__NR_connect, {{3, kInside, 0xffffffff}});
  EXPECT_EQ(negative.of[1], kInside);
  EXPECT_EQ(negative.of[2], 0xffffffffu) << "the kernel sees it, and says EINVAL";
  Arguments size = checked(__NR_write, {{1, kInside, 0xff00000010}});
  EXPECT_EQ(size.of[1], kInside);
  EXPECT_EQ(size.of[2], 0xff00000010u);
  Arguments cut = checked(__NR_write, {{1, kInside, kEnd - kInside + 1}});
  EXPECT_EQ(cut.of[1], kInside);
  EXPECT_EQ(cut.of[2], kEnd - kInside);
}

TEST(CheckArguments, MessagesAreEightBytesLonger) {
  EXPECT_EQ(checked(__NR_msgsnd, {{0, kEnd - 16, 8}}).of[1], kEnd - 16);
  EXPECT_TRUE(is_in_hole(checked(__NR_msgsnd, {{0, kEnd - 16, 9}}).of[1]));
}

TEST(CheckArguments, MessagesOfImpossibleLengthAreRefusedByTheLength) {
  for (u64 length : {u64{0x80000000}, ~u64{0}, kEnd}) {
    Arguments sent = checked(__NR_msgsnd, {{0, kInside, length}});
    EXPECT_EQ(sent.of[1], kInside);
    EXPECT_EQ(sent.of[2], ~u64{0});
  }
  EXPECT_EQ(checked(__NR_msgrcv, {{0, kInside, ~u64{1}}}).of[2], ~u64{0});
  EXPECT_EQ(checked(__NR_msgrcv, {{0, kInside, u64{1} << 40}}).of[2], 0x7fffffffu);
}

TEST(CheckArguments, PagesOfMincoreFollowItsRange) {
  Arguments a = checked(__NR_mincore, {{kInside, 3 * kPageSize + 1, kEnd - 4}});
  EXPECT_EQ(a.of[2], kEnd - 4);
  a = checked(__NR_mincore, {{kInside, 4 * kPageSize + 1, kEnd - 4}});
  EXPECT_TRUE(is_in_hole(a.of[2]));
  EXPECT_NE(a.of[2], kEnd - 4);
}

// Every row, hostile values: whatever the kernel may follow leads nowhere near the monitor.
TEST(CheckArguments, NothingLeavesTheArena) {
  std::mt19937_64 random(1);
  // clang-format off
  const u64 edges[] = {0,          1,           kStart - 1, kStart,    kInside,          kTop - 1, kTop,
                       kEnd - 1,   kEnd,        kEnd + 1,   kUserEnd,  u64{1} << 47,     kKernel,  ~u64{0},
                       0x7fffffff, 0x80000000u, 0xffffffff, kBase - 1, kBase,            64,       4096,
                       1 << 20,    kBadPointer, ~u64{0} / 8, ~u64{0} / 16 + 1, kEnd - kInside, 0x7ffff7fff000};
  // clang-format on
  auto hostile = [&] {
    const u64 edge = edges[random() % std::size(edges)];
    switch (random() % 4) {
      case 0: return random();
      case 1: return random() & 0x7fffffffffff;
      case 2: return edge + random() % 33 - 16;
      default: return edge;
    }
  };
  for (u32 nr = 0; nr < table::kRows; nr++) {
    const table::Row* row = table::row(nr);
    if (!row || row->cls == table::Class::kDeny) continue;
    for (int round = 0; round < 2000; round++) {
      Arguments a;
      for (u64& value : a.of) value = hostile();
      arguments(*row, a.of, kBase);
      for (unsigned i = 0; i < row->count; i++) {
        const table::Arg& arg = row->args[i];
        if (table::is_descriptor(arg.kind)) {
          const i64 fd = static_cast<i64>(a.of[i]);
          EXPECT_TRUE(fd == static_cast<i32>(fd) && (fd < kBase || fd == kClosedFd)) << table::call_name(nr);
        }
        if (!table::is_pointer(arg.kind)) continue;
        u64 bytes = arg.size;
        if (table::has_length(arg.kind)) {
          const u64 length = a.of[arg.link];
          u64 count = length;
          const table::Kind kind = row->args[arg.link].kind;
          if (kind == table::Kind::kUint) count = static_cast<u32>(length);
          if (kind == table::Kind::kInt) count = static_cast<i32>(length) < 0 ? 0 : static_cast<u32>(length);
          if (arg.kind == table::Kind::kOutPages) count = count / kPageSize + (count % kPageSize != 0);
          // A bad pointer's length does not matter; multiplied in 128 bits, as it may be anything.
          const unsigned __int128 wide = static_cast<unsigned __int128>(count) * arg.size;
          bytes = wide > ~u64{0} ? ~u64{0} : static_cast<u64>(wide);
          // msgsnd, msgrcv: a negative size is refused before the text is touched; only the type is (8 bytes).
          const bool message = arg.kind == table::Kind::kInMsg || arg.kind == table::Kind::kOutMsg;
          if (message && static_cast<i64>(length) < 0) bytes = 8;
          // mincore: the kernel writes front to back and faults in the hole.
          if (arg.kind == table::Kind::kOutPages && is_in_hole(a.of[i])) bytes = 0;
        }
        EXPECT_TRUE(is_harmless(a.of[i], bytes))
            << table::call_name(nr) << " argument " << i << ": " << std::hex << a.of[i] << " + " << bytes;
        EXPECT_TRUE(arg.optional || a.of[i] != 0) << table::call_name(nr) << " argument " << i;
      }
    }
  }
}

TEST(Table, NumbersAreReadAsLinuxDoes) {
  EXPECT_EQ(table::row(0), &table::kTable.of[0]);
  EXPECT_EQ(table::row(0xffffffff00000000), &table::kTable.of[0]) << "the low 32 bits count";
  for (u64 nr : {u64{337}, u64{423}, u64{470}, u64{512}, u64{0x40000000}, u64{0xffffffff}, ~u64{0}}) {
    EXPECT_EQ(table::row(nr), nullptr) << nr;
  }
  EXPECT_STREQ(table::call_name(__NR_read), "read");
  EXPECT_STREQ(table::argument_name(__NR_read, 2), "count");
  EXPECT_STREQ(table::argument_name(__NR_read, 3), "");
  EXPECT_STREQ(table::call_name(1000), "");
}

}  // namespace
}  // namespace barchan::check
