// The policy's parser and its decisions.
#include "monitor/policy.h"

#include <arpa/inet.h>
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace barchan::policy {
namespace {

using namespace abi;

// A blob in pieces, put together by bytes().
struct Blob {
  PolicyHeader header = {kPolicyMagic, kPolicyVersion, 0, 0, 0, 0, 0, 0};
  std::vector<PolicyVerdict> verdicts{470, PolicyVerdict{kPolicyAllow, 0, 0, 0, 0}};
  std::vector<PolicyRule> rules;
  std::vector<PolicyNetwork> networks;

  std::vector<u64> bytes() {
    header.calls = static_cast<u32>(verdicts.size());
    header.rules = static_cast<u32>(rules.size());
    header.networks = static_cast<u32>(networks.size());
    const size_t sizes[] = {sizeof header, verdicts.size() * sizeof(PolicyVerdict),
                            rules.size() * sizeof(PolicyRule), networks.size() * sizeof(PolicyNetwork)};
    const void* parts[] = {&header, verdicts.data(), rules.data(), networks.data()};
    header.size = static_cast<u32>(sizes[0] + sizes[1] + sizes[2] + sizes[3]);
    std::vector<u64> words(header.size / 8);
    u8* at = reinterpret_cast<u8*>(words.data());
    for (int i = 0; i < 4; i++) {
      if (sizes[i]) memcpy(at, parts[i], sizes[i]);
      at += sizes[i];
    }
    return words;
  }
};

const char* parsed(const std::vector<u64>& words, Policy& policy) {
  return parse(reinterpret_cast<const u8*>(words.data()), words.size() * 8, policy);
}

PolicyRule rule(PolicyAction action, u16 error, std::vector<PolicyCondition> conditions) {
  PolicyRule r = {};
  r.action = action;
  r.error = error;
  r.conditions = static_cast<u8>(conditions.size());
  for (size_t i = 0; i < conditions.size(); i++) r.condition[i] = conditions[i];
  return r;
}

PolicyCondition when(u8 argument, PolicyComparison comparison, u64 value, u64 mask = ~u64{0}) {
  return {argument, comparison, {}, mask, value};
}

TEST(Policy, TakesAWholeOne) {
  Blob blob;
  blob.verdicts[1] = {kPolicyErrno, 0, 13, 0, 0};
  blob.verdicts[2] = {kPolicyKill, 0, 0, 0, 0};
  Policy p;
  auto words = blob.bytes();
  ASSERT_EQ(parsed(words, p), nullptr);
  const u64 none[6] = {};
  EXPECT_EQ(decide(p, 0, none).action, kPolicyAllow);
  EXPECT_EQ(decide(p, 1, none).action, kPolicyErrno);
  EXPECT_EQ(decide(p, 1, none).error, 13);
  EXPECT_EQ(decide(p, 2, none).action, kPolicyKill);
  EXPECT_EQ(decide(p, 470, none).error, 38) << "past the last: ENOSYS";
  EXPECT_EQ(decide(p, 0xffffffff, none).error, 38);
}

TEST(Policy, RefusesWhatIsWrong) {
  struct Case {
    const char* name;
    void (*spoil)(Blob& b);
  };
  const Case cases[] = {
      {"magic", [](Blob& b) { b.header.magic = 1; }},
      {"version", [](Blob& b) { b.header.version = 2; }},
      {"unknown flag", [](Blob& b) { b.header.flags = 1u << 31; }},
      {"reserved field", [](Blob& b) { b.header.reserved = 1; }},
      {"action", [](Blob& b) { b.verdicts[5].action = 4; }},
      {"errno of 0",
       [](Blob& b) {
         b.verdicts[5] = {kPolicyErrno, 0, 0, 0, 0};
       }},
      {"errno too great",
       [](Blob& b) {
         b.verdicts[5] = {kPolicyErrno, 0, 4096, 0, 0};
       }},
      {"errno with allow", [](Blob& b) { b.verdicts[5].error = 1; }},
      {"verdict's reserved byte", [](Blob& b) { b.verdicts[5].reserved = 1; }},
      {"rules past the end", [](Blob& b) { b.verdicts[5].rules = 1; }},
      {"rules that wrap", [](Blob& b) { b.verdicts[5].first_rule = 0xffff, b.verdicts[5].rules = 0xffff; }},
      {"rule without a condition", [](Blob& b) { b.rules.push_back(rule(kPolicyAllow, 0, {})); }},
      {"argument 6", [](Blob& b) { b.rules.push_back(rule(kPolicyAllow, 0, {when(6, kPolicyEqual, 0)})); }},
      {"comparison",
       [](Blob& b) {
         b.rules.push_back(rule(kPolicyAllow, 0, {when(0, static_cast<PolicyComparison>(6), 0)}));
       }},
      {"rule's reserved word",
       [](Blob& b) {
         b.rules.push_back(rule(kPolicyAllow, 0, {when(0, kPolicyEqual, 0)}));
         b.rules[0].reserved = 1;
       }},
      {"seven conditions",
       [](Blob& b) {
         b.rules.push_back(rule(kPolicyAllow, 0, {when(0, kPolicyEqual, 0)}));
         b.rules[0].conditions = 7;
       }},
      {"family",
       [](Blob& b) {
         b.networks.push_back({1, 0, 0, 0, 0, {}});
       }},
      {"prefix",
       [](Blob& b) {
         b.networks.push_back({AF_INET, 33, 0, 0, 0, {}});
       }},
      {"ports",
       [](Blob& b) {
         b.networks.push_back({AF_INET, 0, 2, 1, 0, {}});
       }},
  };
  for (const Case& c : cases) {
    Blob blob;
    c.spoil(blob);
    Policy p;
    auto words = blob.bytes();
    EXPECT_NE(parsed(words, p), nullptr) << c.name;
    EXPECT_EQ(p.verdicts, nullptr) << c.name << ": nothing is in force";
  }
}

TEST(Policy, RefusesEverySizeButItsOwn) {
  Blob blob;
  blob.networks.push_back({AF_INET, 0, 0, 1, 0, {}});
  auto words = blob.bytes();
  const u8* bytes = reinterpret_cast<const u8*>(words.data());
  for (u64 size = 0; size < words.size() * 8; size++) {
    // A copy of exactly this size, so that the sanitizer sees a read past it.
    std::vector<u8> cut(bytes, bytes + size);
    Policy p;
    EXPECT_NE(parse(cut.data(), size, p), nullptr) << size;
  }
}

TEST(Policy, RandomBytesKeepTheContract) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20000; round++) {
    Blob blob;
    blob.verdicts.resize(random() % 8);
    for (auto& v : blob.verdicts)
      v = {static_cast<u8>(random() % 5), 0, static_cast<u16>(random() % 3), 0, 0};
    blob.rules.resize(random() % 3, rule(kPolicyAllow, 0, {when(0, kPolicyEqual, 0)}));
    auto words = blob.bytes();
    u8* bytes = reinterpret_cast<u8*>(words.data());
    for (int flips = static_cast<int>(random() % 4); flips > 0; flips--)
      bytes[random() % (words.size() * 8)] ^= 1 << random() % 8;
    Policy p;
    if (parse(bytes, words.size() * 8, p)) continue;
    u64 arguments[6];
    for (u64& a : arguments) a = random();
    for (u32 nr = 0; nr < 10; nr++) {
      const Decision d = decide(p, nr, arguments);
      EXPECT_LE(d.action, kPolicyLog);
      EXPECT_EQ(d.action == kPolicyErrno, d.error != 0);
      if (d.action == kPolicyAllow || d.action == kPolicyLog) EXPECT_TRUE(can_pass(p, nr));
    }
  }
}

TEST(Policy, WhatIsLoggedPasses) {
  Blob blob;
  blob.rules.push_back(rule(kPolicyLog, 0, {when(0, kPolicyEqual, 7)}));
  blob.verdicts[1] = {kPolicyLog, 0, 0, 0, 0};
  blob.verdicts[2] = {kPolicyErrno, 0, 1, 0, 1};
  Policy p;
  auto words = blob.bytes();
  ASSERT_EQ(parsed(words, p), nullptr);
  const u64 seven[6] = {7}, eight[6] = {8};
  EXPECT_EQ(decide(p, 1, seven).action, kPolicyLog);
  EXPECT_EQ(decide(p, 2, seven).action, kPolicyLog);
  EXPECT_EQ(decide(p, 2, eight).action, kPolicyErrno);
  EXPECT_TRUE(can_pass(p, 1));
  EXPECT_TRUE(can_pass(p, 2));
  blob.verdicts[1] = {kPolicyLog, 0, 1, 0, 0};  // an error that nobody gets
  words = blob.bytes();
  EXPECT_NE(parsed(words, p), nullptr);
}

TEST(Policy, WhatAlwaysPassesPassesUnseen) {
  Blob blob;
  blob.rules.push_back(rule(kPolicyErrno, EPERM, {when(0, kPolicyEqual, 7)}));
  blob.verdicts[1] = {kPolicyLog, 0, 0, 0, 0};
  blob.verdicts[2] = {kPolicyAllow, 0, 0, 0, 1};
  blob.verdicts[3] = {kPolicyErrno, 0, EPERM, 0, 0};
  Policy p;
  const auto words = blob.bytes();
  ASSERT_EQ(parsed(words, p), nullptr);
  EXPECT_TRUE(always_passes(p, 0));
  for (u32 nr : {1u, 2u, 3u, 470u, ~0u}) {
    EXPECT_FALSE(always_passes(p, nr)) << nr;
  }
}

TEST(Policy, TheFirstRuleThatHoldsDecides) {
  Blob blob;
  blob.rules.push_back(rule(kPolicyErrno, 1, {when(2, kPolicyGreaterOrEqual, 10), when(2, kPolicyLess, 20)}));
  blob.rules.push_back(rule(kPolicyErrno, 2, {when(2, kPolicyGreater, 15)}));
  blob.verdicts[__NR_read] = {kPolicyErrno, 0, 3, 0, 2};
  Policy p;
  auto words = blob.bytes();
  ASSERT_EQ(parsed(words, p), nullptr);
  auto error = [&](u64 count) {
    const u64 arguments[6] = {0, 0, count};
    return decide(p, __NR_read, arguments).error;
  };
  EXPECT_EQ(error(9), 3);
  EXPECT_EQ(error(10), 1);
  EXPECT_EQ(error(19), 1);
  EXPECT_EQ(error(20), 2);
  EXPECT_FALSE(can_pass(p, __NR_read));
}

TEST(Policy, ComparesInTheWidthOfTheArgument) {
  Blob blob;
  blob.rules.push_back(rule(kPolicyErrno, 1, {when(0, kPolicyEqual, AF_INET)}));
  blob.rules.push_back(rule(kPolicyErrno, 2, {when(0, kPolicyEqual, ~u64{0})}));
  blob.verdicts[__NR_socket] = {kPolicyAllow, 0, 0, 0, 2};
  blob.rules.push_back(rule(kPolicyErrno, 3, {when(1, kPolicyEqual, 4096)}));
  blob.verdicts[__NR_munmap] = {kPolicyAllow, 0, 0, 2, 1};
  Policy p;
  auto words = blob.bytes();
  ASSERT_EQ(parsed(words, p), nullptr);
  const u64 high = u64{1} << 32;
  const u64 inet[6] = {AF_INET | high}, minus[6] = {0xffffffff}, size[6] = {0, 4096 | high},
            exact[6] = {0, 4096};
  EXPECT_EQ(decide(p, __NR_socket, inet).error, 1);
  EXPECT_EQ(decide(p, __NR_socket, minus).error, 2) << "-1 as an int";
  EXPECT_EQ(decide(p, __NR_munmap, size).error, 0) << "64 bits count for a size";
  EXPECT_EQ(decide(p, __NR_munmap, exact).error, 3);
}

bool may_reach(const Policy& p, const char* host, u16 port, Use use = Use::kConnect) {
  if (strchr(host, ':')) {
    sockaddr_in6 a = {};
    a.sin6_family = AF_INET6;
    a.sin6_port = htons(port);
    inet_pton(AF_INET6, host, &a.sin6_addr);
    return reachable(p, use, reinterpret_cast<const u8*>(&a), sizeof a);
  }
  sockaddr_in a = {};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  inet_pton(AF_INET, host, &a.sin_addr);
  return reachable(p, use, reinterpret_cast<const u8*>(&a), sizeof a);
}

TEST(PolicyNetworks, ReachesWhatIsListed) {
  Blob blob;
  blob.header.flags = kPolicyNetworkList;
  blob.networks.push_back({AF_INET, 9, 443, 444, 0, {10, 0x80}});
  blob.networks.push_back({AF_INET6, 32, 0, 65535, 0, {0x20, 0x01, 0x0d, 0xb8}});
  Policy p;
  auto words = blob.bytes();
  ASSERT_EQ(parsed(words, p), nullptr);
  EXPECT_TRUE(may_reach(p, "10.128.0.1", 443));
  EXPECT_TRUE(may_reach(p, "10.255.255.255", 444));
  EXPECT_FALSE(may_reach(p, "10.127.255.255", 443));
  EXPECT_FALSE(may_reach(p, "10.128.0.1", 445));
  EXPECT_FALSE(may_reach(p, "10.128.0.1", 442));
  EXPECT_TRUE(may_reach(p, "::ffff:10.128.0.1", 443));
  EXPECT_FALSE(may_reach(p, "::ffff:10.127.0.1", 443));
  EXPECT_TRUE(may_reach(p, "2001:db8::1", 9));
  EXPECT_FALSE(may_reach(p, "2001:db9::1", 9));
  EXPECT_FALSE(may_reach(p, "::1", 443));
  sockaddr_in unspecified = {};
  unspecified.sin_port = htons(443);
  inet_pton(AF_INET, "192.0.2.1", &unspecified.sin_addr);
  const u8* bytes = reinterpret_cast<const u8*>(&unspecified);
  EXPECT_TRUE(reachable(p, Use::kConnect, bytes, sizeof unspecified)) << "ends a connection";
  EXPECT_FALSE(reachable(p, Use::kSend, bytes, sizeof unspecified)) << "AF_INET to a send";
  const u16 short_inet = AF_INET, local = AF_UNIX;
  EXPECT_FALSE(reachable(p, Use::kConnect, reinterpret_cast<const u8*>(&short_inet), 2));
  EXPECT_TRUE(reachable(p, Use::kConnect, reinterpret_cast<const u8*>(&local), 2));
  p.header.flags = 0;
  EXPECT_TRUE(may_reach(p, "::1", 443)) << "without a list";
}

}  // namespace
}  // namespace barchan::policy
