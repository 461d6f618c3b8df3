// The ring of abi/events.h between its writers (monitor/events/ring.cc) and its reader (addon/event_reader.cc): several processes,
// writers that are killed or stopped in the middle, and a writer that writes whatever it likes.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "addon/event_reader.h"
#include "monitor/events/ring.h"

namespace barchan {
namespace {

using abi::EventRecord;
using addon::EventReader;

constexpr u32 kSlots = 64;

struct Shared {
  explicit Shared(u32 slots = kSlots)
      : size(abi::event_ring_size(slots)),
        memory(
            static_cast<u8*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
        reader(memory, slots, false),
        ring(events::ring_at(&reader.control(), memory + abi::kEventControlSize, slots)) {}
  ~Shared() { munmap(memory, size); }

  u32* word(u32 place) { return reinterpret_cast<u32*>(memory + abi::kEventControlSize) + place; }

  size_t size;
  u8* memory;
  EventReader reader;
  events::Ring ring;
};

// A record whose pieces hold `number` again and again, `words` times.
struct alignas(8) Sample {
  u8 bytes[abi::kEventSlotSize] = {};
  EventRecord* make(u32 program, u32 number, u32 words) {
    auto* record = reinterpret_cast<EventRecord*>(bytes);
    *record = {};
    record->size = static_cast<u32>(sizeof(EventRecord)) + words * 8;
    record->kind = abi::kEventCall;
    record->program = program;
    record->number = number;
    for (u32 i = 0; i < words; i++) {
      const u64 word = u64{number} << 32 | i;
      memcpy(bytes + sizeof(EventRecord) + i * 8, &word, 8);
    }
    return record;
  }
};

std::vector<EventRecord> parse(const std::vector<u8>& bytes) {
  std::vector<EventRecord> records;
  for (size_t at = 0; at < bytes.size();) {
    EventRecord record;
    memcpy(&record, bytes.data() + at, sizeof record);
    for (u32 i = 0; i < (record.size - sizeof record) / 8; i++) {
      u64 word;
      memcpy(&word, bytes.data() + at + sizeof record + i * 8, 8);
      EXPECT_EQ(word, u64{record.number} << 32 | i);
    }
    records.push_back(record);
    at += record.size;
  }
  return records;
}

std::vector<EventRecord> drain(Shared& shared, size_t most = 1000000, u64 now = 0) {
  std::vector<u8> bytes;
  const size_t count = shared.reader.drain(bytes, most, now);
  const auto records = parse(bytes);
  EXPECT_EQ(records.size(), count);
  return records;
}

TEST(EventRing, GivesRecordsInOrder) {
  Shared shared;
  Sample sample;
  for (u32 round = 0; round < 10; round++) {
    for (u32 i = 0; i < kSlots; i++)
      ASSERT_TRUE(events::ring_publish(shared.ring, sample.make(1, i, i % 100)));
    const auto records = drain(shared);
    ASSERT_EQ(records.size(), kSlots);
    for (u32 i = 0; i < kSlots; i++) {
      EXPECT_EQ(records[i].number, i);
      EXPECT_EQ(records[i].sequence, round * kSlots + i + 1);
    }
    EXPECT_FALSE(shared.reader.has_records());
  }
}

TEST(EventRing, SaysOnItsLastPageWhetherCallsAreWatched) {
  Shared shared;
  const u32* word = reinterpret_cast<const u32*>(shared.memory + abi::event_view_offset(kSlots));
  EXPECT_EQ(abi::event_view_offset(kSlots) % 4096, 0u);
  EXPECT_EQ(abi::event_ring_size(kSlots), abi::event_view_offset(kSlots) + 4096);
  EXPECT_EQ(*word, 0u);
  shared.reader.watch(abi::kWatchExit | abi::kWatchViolation | abi::kWatchTrace);
  EXPECT_EQ(shared.reader.control().watch, abi::kWatchExit | abi::kWatchViolation);
  EXPECT_EQ(*word, 0u);
  shared.reader.control().watch |= abi::kWatchTrace;  // a monitor's own
  shared.reader.watch(abi::kWatchCall);
  EXPECT_EQ(shared.reader.control().watch, abi::kWatchCall | abi::kWatchTrace);
  EXPECT_NE(*word, 0u);
  shared.reader.watch(0);
  EXPECT_EQ(shared.reader.control().watch, abi::kWatchTrace);
  EXPECT_EQ(*word, 0u);
}

TEST(EventRing, IsFullAndHasRoomAgain) {
  Shared shared;
  Sample sample;
  for (u32 i = 0; i < kSlots; i++) ASSERT_TRUE(events::ring_publish(shared.ring, sample.make(1, i, 1)));
  EXPECT_FALSE(events::ring_publish(shared.ring, sample.make(1, 99, 1)));
  EXPECT_TRUE(shared.reader.has_records());
  const u32 room = shared.reader.control().room;
  EXPECT_EQ(drain(shared, 10).size(), 10u);
  EXPECT_NE(shared.reader.control().room, room);
  EXPECT_EQ(drain(shared).size(), kSlots - 10);
  EXPECT_TRUE(events::ring_publish(shared.ring, sample.make(1, 99, 1)));
}

TEST(EventRing, TicketsMayWrap) {
  Shared shared;
  Sample sample;
  shared.reader.control().cursor = ~u32{0} - 5;
  for (u32 i = 0; i < 20; i++) ASSERT_TRUE(events::ring_publish(shared.ring, sample.make(1, i, 1)));
  EXPECT_EQ(drain(shared).size(), 20u);
}

TEST(EventRing, ThreadsLoseNothing) {
  Shared shared;
  constexpr u32 kThreads = 8, kEach = 20000;
  std::vector<std::thread> threads;
  for (u32 t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Sample sample;
      for (u32 i = 0; i < kEach;) {
        if (events::ring_publish(shared.ring, sample.make(t, i, i % 60)))
          i++;
        else
          std::this_thread::yield();
      }
    });
  }
  std::map<u32, std::set<u32>> seen;
  std::set<u64> sequences;
  size_t count = 0;
  while (count < size_t{kThreads} * kEach) {
    for (const EventRecord& r : drain(shared, 20)) {
      EXPECT_TRUE(seen[r.program].insert(r.number).second);
      EXPECT_TRUE(sequences.insert(r.sequence).second);
      count++;
    }
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(shared.reader.malformed(), 0u);
  EXPECT_EQ(sequences.size(), count);
}

// Each writer is killed at some moment of its work, hundreds of them; what they have published is whole, and in the end
// the ring has room for as many records as ever.
TEST(EventRing, SurvivesKilledWriters) {
  Shared shared;
  std::mt19937 random(7);
  u64 now = 0;
  size_t count = 0;
  for (u32 round = 0; round < 300; round++) {
    const pid_t child = fork();
    if (child == 0) {
      Sample sample;
      for (u32 i = 0;; i++) events::ring_publish(shared.ring, sample.make(round, i, 100));
    }
    // Killed when it has written some, but not at once where the child is given no processor.
    const size_t wanted = random() % 200;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    for (size_t got = 0; got < wanted && std::chrono::steady_clock::now() < end;) {
      const size_t more = drain(shared, 1000, now).size();
      got += more;
      count += more;
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    now += 100;
  }
  EXPECT_GT(count, 1000u);
  count = drain(shared, 1000, now).size();
  now += EventReader::kClaimMs + 1;
  drain(shared, 1000, now);
  now += EventReader::kClaimMs + 1;
  drain(shared, 1000, now);
  Sample sample;
  for (u32 i = 0; i < kSlots; i++) ASSERT_TRUE(events::ring_publish(shared.ring, sample.make(1, i, 1)));
  EXPECT_EQ(drain(shared, 1000, now).size(), kSlots);
  EXPECT_EQ(shared.reader.malformed(), 0u);
}

TEST(EventRing, TakesAClaimAwayAfterAWhile) {
  Shared shared;
  *shared.word(3) = abi::kEventClaimed | 3;
  drain(shared, 1000, 10);
  drain(shared, 1000, 10 + EventReader::kClaimMs);
  EXPECT_NE(*shared.word(3), 0u);
  drain(shared, 1000, 11 + EventReader::kClaimMs);
  EXPECT_EQ(*shared.word(3), 0u);
  EXPECT_EQ(shared.reader.control().lost, 1u);
  // Another claim of the same slot has its own time.
  *shared.word(3) = abi::kEventClaimed | 67;
  drain(shared, 1000, 12 + EventReader::kClaimMs);
  EXPECT_NE(*shared.word(3), 0u);
  shared.reader.reset_claims();
  EXPECT_EQ(*shared.word(3), 0u);
}

// A writer that slept on its claim writes over what has come to its slot since.
TEST(EventRing, NoticesARecordThatTwoHaveWritten) {
  Shared shared;
  Sample sample, late;
  ASSERT_TRUE(events::ring_publish(shared.ring, sample.make(1, 5, 50)));
  late.make(1, 6, 90);
  memcpy(shared.memory + abi::event_slots_offset(kSlots) + 300, late.bytes + 300, 40);
  EXPECT_EQ(drain(shared).size(), 0u);
  EXPECT_EQ(shared.reader.malformed(), 1u);
  EXPECT_EQ(*shared.word(0), 0u);
}

TEST(EventRing, ReaderBearsWhateverIsThere) {
  std::mt19937 random(11);
  for (u32 round = 0; round < 2000; round++) {
    Shared shared(16);
    std::uniform_int_distribution<u32> any;
    // All but what the reader itself was made with.
    for (size_t at = abi::kEventControlSize; at + 4 <= shared.size; at += 4 * (1 + any(random) % 64)) {
      const u32 word = any(random);
      memcpy(shared.memory + at, &word, 4);
    }
    for (u32 place = 0; place < 16; place++) {
      const u32 size = any(random) % 3 ? any(random) % 2000 : any(random);
      memcpy(shared.memory + abi::event_slots_offset(16) + u64{place} * abi::kEventSlotSize, &size, 4);
    }
    std::vector<u8> bytes;
    for (u64 now = 0; now < 5; now++) shared.reader.drain(bytes, 100, now * 2000);
    EXPECT_LE(bytes.size(), 16u * abi::kEventSlotSize);
  }
}

}  // namespace
}  // namespace barchan
