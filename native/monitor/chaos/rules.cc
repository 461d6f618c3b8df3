#include "monitor/chaos/rules.h"

#include <asm/errno.h>

#include "host/call_numbers.h"
#include "host/string.h"
#include "monitor/table.h"

namespace barchan::chaos {
namespace {

using abi::ChaosRule;

// Errnos that a program may see: the kernel's own (512 and up: ERESTARTSYS and the like) never leave it.
constexpr u16 kErrnoEnd = 512;

bool is_never(u32 nr) {
  switch (nr) {
#define NEVER(name) case __NR_##name:
#define CANNOT_FAIL(name)
#define NOT_INTERRUPTED(name)
#define SHORTEN(name, how, n)
#include "monitor/chaos/calls.def"
    return true;
  }
  return false;
}

bool cannot_fail(u32 nr, u16 error) {
  switch (nr) {
#define NEVER(name)
#define CANNOT_FAIL(name) case __NR_##name:
#define NOT_INTERRUPTED(name)
#define SHORTEN(name, how, n)
#include "monitor/chaos/calls.def"
    return true;
#define NEVER(name)
#define CANNOT_FAIL(name)
#define NOT_INTERRUPTED(name) case __NR_##name:
#define SHORTEN(name, how, n)
#include "monitor/chaos/calls.def"
    return error == EINTR;
  }
  return false;
}

bool takes_descriptor(table::Kind kind) { return kind == table::Kind::kFd || kind == table::Kind::kFdOrNone; }

// One call of a rule's set.
bool suits(const ChaosRule& rule, u32 nr) {
  const table::Row* row = table::row(nr);
  if (!row || row->cls == table::Class::kDeny || row->cls == table::Class::kRewrite || is_never(nr))
    return false;
  if (rule.on != abi::kChaosAny && (row->count == 0 || !takes_descriptor(row->args[0].kind))) return false;
  switch (rule.action) {
    case abi::kChaosFail: return !cannot_fail(nr, rule.error);
    case abi::kChaosShorten: return shortens(nr).how != Shortening::kNone;
    default: return true;
  }
}

bool is_valid(const ChaosRule& rule) {
  const bool fails = rule.action == abi::kChaosFail, delays = rule.action == abi::kChaosDelay;
  if (!fails && !delays && rule.action != abi::kChaosShorten) return false;
  if (fails ? rule.error == 0 || rule.error >= kErrnoEnd : rule.error != 0) return false;
  if (fails && rule.amount != 0) return false;
  if (delays && (rule.amount == 0 || rule.amount > abi::kChaosDelayMax)) return false;
  if (rule.on > abi::kChaosStreams) return false;
  if (rule.first == 0 || rule.last < rule.first || rule.step == 0) return false;
  bool any = false;
  for (u32 nr = 0; nr < 512; nr++) {
    if (!names(rule, nr)) continue;
    if (!suits(rule, nr)) return false;
    any = true;
  }
  return any;
}

// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
constexpr u64 scramble(u64 x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

constexpr u64 mix(u64 key, u64 value) { return scramble(scramble(key + 0x9e3779b97f4a7c15) + value); }

}  // namespace

const char* parse(const u8* bytes, u64 size, Rules& rules) {
  Rules r;
  if (size < sizeof r.header || size > abi::kChaosBytesMax)
    return "the chaos rules are truncated or too long";
  memcpy(&r.header, bytes, sizeof r.header);
  if (r.header.magic != abi::kChaosMagic) return "the chaos rules have no magic number";
  if (r.header.version != abi::kChaosVersion) return "the chaos rules are of another version";
  if (r.header.reserved != 0) return "the chaos rules have reserved fields in use";
  if (r.header.rules == 0 || r.header.rules > abi::kChaosRulesMax)
    return "the chaos rules are none or too many";
  if (r.header.size != size || sizeof r.header + r.header.rules * sizeof(ChaosRule) != size)
    return "the chaos rules have a wrong size";
  memcpy(r.rule, bytes + sizeof r.header, r.header.rules * sizeof(ChaosRule));
  for (u32 i = 0; i < r.header.rules; i++) {
    if (!is_valid(r.rule[i])) return "the chaos rules have a rule that is none";
  }
  rules = r;
  return nullptr;
}

u64 random(u64 seed, u64 task, u32 index, u64 count) { return mix(mix(mix(seed, task), index), count); }

bool hits(const Rules& rules, u32 index, u64 task, u64 count) {
  const ChaosRule& rule = rules.rule[index];
  if (count < rule.first || count > rule.last || (count - rule.first) % rule.step != 0) return false;
  return random(rules.header.seed, task, index, count) <= rule.threshold;
}

u64 first_task() { return 1; }
u64 child_task(u64 parent, u64 number) { return mix(parent, number); }

u64 shortened(u64 whole, u64 most, u64 random) {
  if (most != 0) return most < whole ? most : whole - 1;
  // Another number than the one that has decided, which is small where the probability is.
  return 1 + scramble(random) % (whole - 1);
}

Shortens shortens(u32 nr) {
  [[maybe_unused]] constexpr Shortening READS = Shortening::kReads, READS_VECTOR = Shortening::kReadsVector,
                                        WRITES = Shortening::kWrites,
                                        WRITES_VECTOR = Shortening::kWritesVector,
                                        ELEMENTS = Shortening::kElements;
  switch (nr) {
#define NEVER(name)
#define CANNOT_FAIL(name)
#define NOT_INTERRUPTED(name)
// clang-format off
#define SHORTEN(name, how, n) case __NR_##name: return {how, n};
// clang-format on
#include "monitor/chaos/calls.def"
  }
  return {};
}

}  // namespace barchan::chaos
