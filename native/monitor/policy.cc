// The policy's parser and its decisions: pure logic, also built hosted for tests and fuzzing.
#include "monitor/policy.h"

#include <asm/errno.h>

#include "host/string.h"
#include "monitor/table.h"

namespace barchan::policy {
namespace {

using abi::PolicyAction;
using abi::PolicyCondition;
using abi::PolicyNetwork;
using abi::PolicyRule;
using abi::PolicyVerdict;

constexpr u32 kKnownFlags =
    abi::kPolicyHostFilter | abi::kPolicyNoWriteExecute | abi::kPolicyNetworkList | abi::kPolicySwitchExecute;
constexpr u32 kCallsMax = 65536;
constexpr u16 kErrnoMax = 4095;
constexpr u16 kInet = 2, kInet6 = 10;

bool action_is_valid(u8 action, u16 error) {
  switch (action) {
    case abi::kPolicyAllow:
    case abi::kPolicyLog:
    case abi::kPolicyKill: return error == 0;
    case abi::kPolicyErrno: return error >= 1 && error <= kErrnoMax;
    default: return false;
  }
}

bool is_valid(const PolicyCondition& c) {
  for (u8 byte : c.reserved) {
    if (byte != 0) return false;
  }
  return c.argument < 6 && c.comparison <= abi::kPolicyGreaterOrEqual;
}

bool is_valid(const PolicyRule& rule) {
  if (!action_is_valid(rule.action, rule.error) || rule.reserved != 0) return false;
  if (rule.conditions == 0 || rule.conditions > 6) return false;
  for (u8 i = 0; i < rule.conditions; i++) {
    if (!is_valid(rule.condition[i])) return false;
  }
  return true;
}

bool is_valid(const PolicyNetwork& n) {
  if (n.reserved != 0 || n.first_port > n.last_port) return false;
  return (n.family == kInet && n.prefix <= 32) || (n.family == kInet6 && n.prefix <= 128);
}

// Kinds that the kernel reads as 32-bit words, whatever the upper half of the register holds.
bool is_word(table::Kind kind) {
  using enum table::Kind;
  switch (kind) {
    case kInt:
    case kUint:
    case kPid:
    case kId:
    case kMode:
    case kSignal:
    case kFlags:
    case kEnum:
    case kFd:
    case kDirFd:
    case kFdOrNone: return true;
    default: return false;
  }
}

bool compares(u8 comparison, u64 value, u64 with) {
  switch (comparison) {
    case abi::kPolicyEqual: return value == with;
    case abi::kPolicyNotEqual: return value != with;
    case abi::kPolicyLess: return value < with;
    case abi::kPolicyLessOrEqual: return value <= with;
    case abi::kPolicyGreater: return value > with;
    default: return value >= with;
  }
}

bool holds(const PolicyCondition& c, const table::Row* row, const u64 argument[6]) {
  const bool word = row && c.argument < row->count && is_word(row->args[c.argument].kind);
  const u64 cut = word ? 0xffffffff : ~u64{0};
  return compares(c.comparison, argument[c.argument] & c.mask & cut, c.value & cut);
}

bool holds(const PolicyRule& rule, const table::Row* row, const u64 argument[6]) {
  for (u8 i = 0; i < rule.conditions; i++) {
    if (!holds(rule.condition[i], row, argument)) return false;
  }
  return true;
}

bool same_prefix(const u8* a, const u8* b, u32 bits) {
  const u32 whole = bits / 8, rest = bits % 8;
  if (memcmp(a, b, whole) != 0) return false;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

}  // namespace

const char* parse(const u8* bytes, u64 size, Policy& policy) {
  abi::PolicyHeader header;
  if (size < sizeof header || size > abi::kPolicyBytesMax) return "the policy is truncated or too long";
  memcpy(&header, bytes, sizeof header);
  if (header.magic != abi::kPolicyMagic) return "the policy has no magic number";
  if (header.version != abi::kPolicyVersion) return "the policy is of another version";
  if (header.flags & ~kKnownFlags || header.reserved != 0) return "the policy has unknown flags";
  if (header.calls > kCallsMax || header.rules > abi::kPolicyRulesMax ||
      header.networks > abi::kPolicyNetworksMax)
    return "the policy has too many entries";
  const u64 verdicts = sizeof header, rules = verdicts + header.calls * sizeof(PolicyVerdict);
  const u64 networks = rules + header.rules * sizeof(PolicyRule);
  if (header.size != size || networks + header.networks * sizeof(PolicyNetwork) != size)
    return "the policy has a wrong size";
  if ((header.flags & abi::kPolicySwitchExecute) && !(header.flags & abi::kPolicyNoWriteExecute))
    return "the policy has flags that contradict each other";
  Policy p = {header, reinterpret_cast<const PolicyVerdict*>(bytes + verdicts),
              reinterpret_cast<const PolicyRule*>(bytes + rules),
              reinterpret_cast<const PolicyNetwork*>(bytes + networks)};
  for (u32 i = 0; i < header.calls; i++) {
    const PolicyVerdict& v = p.verdicts[i];
    if (!action_is_valid(v.action, v.error) || v.reserved != 0 || v.first_rule + v.rules > header.rules)
      return "the policy has a verdict that is none";
  }
  for (u32 i = 0; i < header.rules; i++) {
    if (!is_valid(p.rules[i])) return "the policy has a rule that is none";
  }
  for (u32 i = 0; i < header.networks; i++) {
    if (!is_valid(p.networks[i])) return "the policy has a network that is none";
  }
  policy = p;
  return nullptr;
}

Decision decide(const Policy& policy, u32 nr, const u64 argument[6]) {
  if (nr >= policy.header.calls) return {abi::kPolicyErrno, ENOSYS};
  const PolicyVerdict& verdict = policy.verdicts[nr];
  const table::Row* row = table::row(nr);
  for (u32 i = verdict.first_rule; i < verdict.first_rule + u32{verdict.rules}; i++) {
    const PolicyRule& rule = policy.rules[i];
    if (holds(rule, row, argument)) return {static_cast<PolicyAction>(rule.action), rule.error};
  }
  return {static_cast<PolicyAction>(verdict.action), verdict.error};
}

namespace {

bool passes(u8 action) { return action == abi::kPolicyAllow || action == abi::kPolicyLog; }

}  // namespace

bool can_pass(const Policy& policy, u32 nr) {
  if (nr >= policy.header.calls) return false;
  const PolicyVerdict& verdict = policy.verdicts[nr];
  if (passes(verdict.action)) return true;
  for (u32 i = verdict.first_rule; i < verdict.first_rule + u32{verdict.rules}; i++) {
    if (passes(policy.rules[i].action)) return true;
  }
  return false;
}

bool always_passes(const Policy& policy, u32 nr) {
  if (nr >= policy.header.calls) return false;
  const PolicyVerdict& verdict = policy.verdicts[nr];
  return verdict.action == abi::kPolicyAllow && verdict.rules == 0;
}

bool reachable(const Policy& policy, Use use, const u8* address, u64 size) {
  if (!(policy.header.flags & abi::kPolicyNetworkList)) return true;
  if (size < 2) return true;  // the kernel refuses it
  u16 family;
  memcpy(&family, address, sizeof family);
  if (family == 0 && use == Use::kSend && size >= 8) family = kInet;
  const bool is_inet = family == kInet && size >= 8, is_inet6 = family == kInet6 && size >= 24;
  if (family != kInet && family != kInet6) return true;
  if (!is_inet && !is_inet6) return false;
  const u16 port = static_cast<u16>(address[2] << 8 | address[3]);
  const u8* host = is_inet ? address + 4 : address + 8;
  // An IPv4 address in IPv6's clothes (RFC 4291 section 2.5.5.2) is the IPv4 address.
  constexpr u8 kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool is_mapped = is_inet6 && memcmp(host, kMapped, sizeof kMapped) == 0;
  const u8 wanted = is_inet || is_mapped ? kInet : kInet6;
  if (is_mapped) host += sizeof kMapped;
  for (u32 i = 0; i < policy.header.networks; i++) {
    const PolicyNetwork& n = policy.networks[i];
    if (n.family == wanted && port >= n.first_port && port <= n.last_port &&
        same_prefix(host, n.address, n.prefix))
      return true;
  }
  return false;
}

}  // namespace barchan::policy
