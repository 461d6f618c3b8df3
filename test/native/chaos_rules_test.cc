// The rules by which faults are injected: what is taken for rules, and which calls they hit.
#include "monitor/chaos/rules.h"

#include <asm/errno.h>
#include <asm/unistd.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace barchan::chaos {
namespace {

using namespace abi;

constexpr u64 kAlways = ~u64{0};

ChaosRule rule_for(ChaosAction action, std::vector<u32> calls) {
  ChaosRule r = {};
  r.action = action;
  r.first = r.step = 1;
  r.last = ~u32{0};
  r.threshold = kAlways;
  if (action == kChaosFail) r.error = EIO;
  if (action == kChaosDelay) r.amount = 1;
  for (u32 nr : calls) r.calls[nr / 64] |= u64{1} << nr % 64;
  return r;
}

std::vector<u8> blob_of(std::vector<ChaosRule> rules, u64 seed = 1) {
  ChaosHeader header = {kChaosMagic, kChaosVersion, 0, static_cast<u32>(rules.size()), seed, 0};
  header.size = static_cast<u32>(sizeof header + rules.size() * sizeof(ChaosRule));
  std::vector<u8> bytes(header.size);
  memcpy(bytes.data(), &header, sizeof header);
  if (!rules.empty()) memcpy(bytes.data() + sizeof header, rules.data(), rules.size() * sizeof(ChaosRule));
  return bytes;
}

const char* parsed(const std::vector<u8>& bytes) {
  Rules rules;
  return parse(bytes.data(), bytes.size(), rules);
}

TEST(ChaosRules, TakesWhatNodeWrites) {
  ChaosRule on_pipes = rule_for(kChaosShorten, {__NR_read, __NR_writev, __NR_epoll_pwait});
  on_pipes.on = kChaosStreams;
  Rules rules;
  const auto bytes =
      blob_of({rule_for(kChaosFail, {__NR_openat}), on_pipes, rule_for(kChaosDelay, {__NR_mmap})}, 9);
  ASSERT_EQ(parse(bytes.data(), bytes.size(), rules), nullptr);
  EXPECT_EQ(rules.header.seed, 9u);
  EXPECT_TRUE(names(rules.rule[0], __NR_openat));
  EXPECT_FALSE(names(rules.rule[0], __NR_openat + 1));
  EXPECT_FALSE(names(rules.rule[0], 512 + __NR_openat));
}

TEST(ChaosRules, RefusesWhatIsNone) {
  const ChaosRule good = rule_for(kChaosFail, {__NR_openat});
  const auto with = [&](auto change) {
    ChaosRule r = good;
    change(r);
    return parsed(blob_of({r}));
  };
  ASSERT_EQ(parsed(blob_of({good})), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.action = 0; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.action = 4; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.error = 0; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.error = 512; }), nullptr) << "ERESTARTSYS";
  EXPECT_NE(with([](ChaosRule& r) { r.amount = 1; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.on = 3; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.on = kChaosFiles; }), nullptr) << "openat's is a directory's";
  EXPECT_NE(with([](ChaosRule& r) { r.first = 0; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.first = 5, r.last = 4; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { r.step = 0; }), nullptr);
  EXPECT_NE(with([](ChaosRule& r) { memset(r.calls, 0, sizeof r.calls); }), nullptr) << "no call";
  EXPECT_NE(parsed(blob_of({})), nullptr);
  EXPECT_NE(parsed(blob_of(std::vector<ChaosRule>(kChaosRulesMax + 1, good))), nullptr);
  EXPECT_EQ(parsed(blob_of(std::vector<ChaosRule>(kChaosRulesMax, good))), nullptr);
  for (size_t size = 0; size < sizeof(ChaosHeader) + sizeof(ChaosRule); size++) {
    auto bytes = blob_of({good});
    bytes.resize(size);
    EXPECT_NE(parsed(bytes), nullptr) << size;
  }
  for (u32 offset : {0u, 4u, 8u, 12u, 24u}) {
    auto bytes = blob_of({good});
    bytes[offset] ^= 0x40;
    EXPECT_NE(parsed(bytes), nullptr) << offset;
  }
}

TEST(ChaosRules, RefusesCallsThatItCannotBeDoneTo) {
  constexpr u32 kNever[] = {__NR_exit, __NR_exit_group, __NR_rt_sigreturn, __NR_restart_syscall};
  for (u32 nr : kNever) {
    EXPECT_NE(parsed(blob_of({rule_for(kChaosFail, {nr})})), nullptr) << nr;
    EXPECT_NE(parsed(blob_of({rule_for(kChaosDelay, {nr})})), nullptr) << nr;
  }
  EXPECT_NE(parsed(blob_of({rule_for(kChaosFail, {__NR_open})})), nullptr) << "becomes openat";
  EXPECT_NE(parsed(blob_of({rule_for(kChaosFail, {__NR_bpf})})), nullptr) << "is denied";
  EXPECT_NE(parsed(blob_of({rule_for(kChaosFail, {400})})), nullptr) << "is no call";
  EXPECT_NE(parsed(blob_of({rule_for(kChaosFail, {511})})), nullptr) << "is past the table";
  EXPECT_NE(parsed(blob_of({rule_for(kChaosFail, {__NR_read, __NR_getpid})})), nullptr) << "cannot fail";
  EXPECT_EQ(parsed(blob_of({rule_for(kChaosDelay, {__NR_read, __NR_getpid})})), nullptr);
  EXPECT_NE(parsed(blob_of({rule_for(kChaosShorten, {__NR_getdents64})})), nullptr);
  EXPECT_NE(parsed(blob_of({rule_for(kChaosShorten, {__NR_splice})})), nullptr);
  ChaosRule closes = rule_for(kChaosFail, {__NR_close});
  EXPECT_EQ(parsed(blob_of({closes})), nullptr);
  closes.error = EINTR;
  EXPECT_NE(parsed(blob_of({closes})), nullptr) << "Linux has closed it then";
  ChaosRule slow = rule_for(kChaosDelay, {__NR_read});
  slow.amount = kChaosDelayMax + 1;
  EXPECT_NE(parsed(blob_of({slow})), nullptr);
  slow.amount = 0;
  EXPECT_NE(parsed(blob_of({slow})), nullptr);
}

std::vector<u64> hit_counts(const Rules& rules, u32 index, u64 task, u64 end) {
  std::vector<u64> found;
  for (u64 n = 1; n < end; n++) {
    if (hits(rules, index, task, n)) found.push_back(n);
  }
  return found;
}

TEST(ChaosRules, HitsTheCallsOfWhen) {
  Rules rules;
  rules.rule[0] = rule_for(kChaosFail, {__NR_read});
  rules.rule[0].first = 3;
  rules.rule[0].last = 11;
  rules.rule[0].step = 4;
  EXPECT_EQ(hit_counts(rules, 0, 1, 100), (std::vector<u64>{3, 7, 11}));
  rules.rule[0].first = rules.rule[0].last = 1;
  EXPECT_EQ(hit_counts(rules, 0, 77, 100), (std::vector<u64>{1}));
}

TEST(ChaosRules, HitsAsOftenAsItsProbabilityAndTheSameCallsAgain) {
  Rules rules;
  rules.header.seed = 42;
  rules.rule[0] = rules.rule[1] = rule_for(kChaosFail, {__NR_read});
  rules.rule[0].threshold = rules.rule[1].threshold = kAlways / 100;
  const auto first = hit_counts(rules, 0, 1, 100'001);
  EXPECT_GT(first.size(), 900u);
  EXPECT_LT(first.size(), 1100u);
  EXPECT_EQ(hit_counts(rules, 0, 1, 100'001), first);
  EXPECT_NE(hit_counts(rules, 1, 1, 100'001), first) << "another rule";
  EXPECT_NE(hit_counts(rules, 0, child_task(1, 1), 100'001), first) << "another task";
  rules.header.seed = 43;
  EXPECT_NE(hit_counts(rules, 0, 1, 100'001), first) << "another seed";
}

// These are part of the promise: a seed that somebody wrote down means the same in every release.
TEST(ChaosRules, NumbersStayAsTheyAre) {
  EXPECT_EQ(random(1, first_task(), 0, 1), 11875330430369672828u);
  EXPECT_EQ(child_task(first_task(), 1), 16051188185124956539u);
  EXPECT_EQ(shortened(4096, 0, 7), 2495u);
}

TEST(ChaosRules, TasksOfAFamilyDiffer) {
  std::set<u64> tasks = {first_task()};
  std::vector<u64> generation = {first_task()};
  for (int depth = 0; depth < 3; depth++) {
    std::vector<u64> next;
    for (u64 parent : generation) {
      for (u64 n = 1; n <= 40; n++) next.push_back(child_task(parent, n));
    }
    tasks.insert(next.begin(), next.end());
    generation = next;
  }
  EXPECT_EQ(tasks.size(), 1u + 40 + 40 * 40 + 40 * 40 * 40);
}

TEST(ChaosRules, ShortensToLessButSomething) {
  std::set<u64> seen;
  for (u64 r = 0; r < 1000; r++) {
    EXPECT_EQ(shortened(2, 0, r), 1u);
    const u64 n = shortened(10, 0, r);
    ASSERT_GE(n, 1u);
    ASSERT_LE(n, 9u);
    seen.insert(n);
  }
  EXPECT_EQ(seen.size(), 9u);
  EXPECT_EQ(shortened(10, 4, 0), 4u);
  EXPECT_EQ(shortened(10, 10, 0), 9u);
  EXPECT_EQ(shortened(10, 4096, 0), 9u);
}

}  // namespace
}  // namespace barchan::chaos
