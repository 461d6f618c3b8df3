#include "runtime/seccomp_profile.h"

#include <asm/errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "monitor/table.h"
#include "runtime/schema.h"

namespace barchan::runtime {
namespace {

using json::Kind;
using json::Value;

constexpr u32 kX32 = 0x40000000;  // __X32_SYSCALL_BIT
constexpr u32 kErrnoMax = 4095;

enum Comparison : u8 { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kMaskedEqual };
constexpr const char* kComparisons[] = {"SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT",       "SCMP_CMP_LE",
                                        "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_MASKED_EQ"};

struct Action {
  const char* name;
  u32 value;
};
constexpr Action kActions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
};

bool takes_errno(u32 action) { return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE; }

bool passes(u32 action) {
  const u32 what = action & SECCOMP_RET_ACTION_FULL;
  return what == SECCOMP_RET_ALLOW || what == SECCOMP_RET_LOG;
}

const char* read_action(Arena& arena, const Value* name, const Value* error, const char* path, u32& action) {
  if (name == nullptr || !name->is(Kind::kString)) return arena.join(path, " must be a string");
  if (name->text == Slice("SCMP_ACT_NOTIFY"))
    return arena.join(path, ": SCMP_ACT_NOTIFY is not supported: the gate has nobody to ask");
  for (const Action& known : kActions) {
    if (!(name->text == Slice(known.name))) continue;
    action = known.value;
    if (!takes_errno(action)) return nullptr;
    u64 number = EPERM;
    if (error != nullptr && !error->is(Kind::kNull) && (!json::to_u64(error, number) || number > kErrnoMax))
      return arena.join(path, ": its errno must be a number from 0 to 4095");
    action |= static_cast<u32>(number);
    return nullptr;
  }
  return arena.join(path, ": there is no action ", name->text);
}

// The number of a call of x86-64 by its name; false: one of another architecture, or newer than we are.
bool number_of(Slice name, u32& nr) {
  for (nr = 0; nr < table::kRows; nr++) {
    if (table::row(nr) != nullptr && name == Slice(table::call_name(nr))) return true;
  }
  return false;
}

const char* read_condition(Arena& arena, const Value* arg, const char* path, SeccompCondition& condition) {
  if (!arg->is(Kind::kObject)) return arena.join(path, " must be an object");
  static constexpr const char* kKnown[] = {"index", "value", "valueTwo", "op"};
  if (const char* wrong = check_names(arena, arg, path, kKnown)) return wrong;
  u64 index = 0;
  if (!json::to_u64(json::find(arg, "index"), index) || index > 5)
    return arena.join(path, ".index must be a number from 0 to 5");
  condition = {static_cast<u32>(index), kEqual, 0, 0};
  if (!json::to_u64(json::find(arg, "value"), condition.value))
    return arena.join(path, ".value must be a number from 0 to 2^64-1");
  const Value* second = json::find(arg, "valueTwo");
  if (second != nullptr && !second->is(Kind::kNull) && !json::to_u64(second, condition.second))
    return arena.join(path, ".valueTwo must be a number from 0 to 2^64-1");
  const Value* op = json::find(arg, "op");
  if (op == nullptr || !op->is(Kind::kString)) return arena.join(path, ".op must be a string");
  for (u8 i = 0; i < sizeof kComparisons / sizeof kComparisons[0]; i++) {
    if (!(op->text == Slice(kComparisons[i]))) continue;
    condition.comparison = i;
    return nullptr;
  }
  return arena.join(path, ".op: there is no comparison ", op->text);
}

void add_rule(Arena& arena, SeccompProfile& profile, u32 nr, const SeccompRule& rule) {
  auto& call = profile.calls[nr];
  if (nr >= profile.end) profile.end = nr + 1;
  if (rule.action == profile.otherwise || call.decided) return;
  if (rule.conditions == 0) {
    call = {true, rule.action, nullptr, nullptr};
    return;
  }
  auto* copy = arena.make<SeccompRule>();
  *copy = rule;
  copy->next = nullptr;
  (call.last == nullptr ? call.first : call.last->next) = copy;
  call.last = copy;
}

void add_entry(Arena& arena, SeccompProfile& profile, u32 nr, const SeccompRule& rule) {
  u32 uses[6] = {};
  bool twice = false;
  for (u32 i = 0; i < rule.conditions; i++) twice |= uses[rule.condition[i].argument]++ != 0;
  if (!twice) {
    add_rule(arena, profile, nr, rule);
    return;
  }
  for (u32 i = 0; i < rule.conditions; i++)
    add_rule(arena, profile, nr, {rule.action, 1, {rule.condition[i]}, nullptr});
}

const char* read_entry(Arena& arena, const Value* entry, const char* path, SeccompProfile& profile) {
  if (!entry->is(Kind::kObject)) return arena.join(path, " must be an object");
  static constexpr const char* kKnown[] = {"names", "action", "errnoRet", "args"};
  if (const char* wrong = check_names(arena, entry, path, kKnown)) return wrong;
  SeccompRule rule = {};
  if (const char* wrong = read_action(arena, json::find(entry, "action"), json::find(entry, "errnoRet"),
                                      arena.join(path, ".action"), rule.action))
    return wrong;
  const Value* args = json::find(entry, "args");
  if (args != nullptr && !args->is(Kind::kNull)) {
    if (!args->is(Kind::kArray)) return arena.join(path, ".args must be an array");
    for (const Value* arg = args->first; arg != nullptr; arg = arg->next) {
      if (rule.conditions == 6) return arena.join(path, ".args has more than 6 entries");
      if (const char* wrong =
              read_condition(arena, arg, arena.join(path, ".args[]"), rule.condition[rule.conditions++]))
        return wrong;
    }
  }
  const Value* names = json::find(entry, "names");
  if (names == nullptr || !names->is(Kind::kArray) || names->first == nullptr)
    return arena.join(path, ".names must be an array of strings that is not empty");
  for (const Value* name = names->first; name != nullptr; name = name->next) {
    if (!name->is(Kind::kString)) return arena.join(path, ".names must be strings");
    u32 nr;
    if (number_of(name->text, nr)) add_entry(arena, profile, nr, rule);
  }
  return nullptr;
}

const char* read_architectures(Arena& arena, const Value* list, SeccompProfile& profile) {
  if (list == nullptr || list->is(Kind::kNull)) return nullptr;
  if (!list->is(Kind::kArray)) return "linux.seccomp.architectures must be an array";
  for (const Value* v = list->first; v != nullptr; v = v->next) {
    if (!v->is(Kind::kString)) return "linux.seccomp.architectures must be strings";
    if (!begins_with(v->text, "SCMP_ARCH_"))
      return arena.join("linux.seccomp.architectures: there is no ", v->text);
    if (v->text == Slice("SCMP_ARCH_X32")) profile.x32 = true;
  }
  return nullptr;
}

class Program {
 public:
  Program(sock_filter* code, u32 room) : code_(code), room_(room) {}

  u32 length() const { return length_ <= room_ ? length_ : 0; }
  u32 here() const { return length_; }

  u32 put(u16 code, u32 k, u8 yes = 0, u8 no = 0) {
    if (length_ < room_) code_[length_] = {code, yes, no, k};
    return length_++;
  }
  void give(u32 action) { put(BPF_RET | BPF_K, action); }
  // A jump whose target land() tells.
  u32 leap() { return put(BPF_JMP | BPF_JA, 0); }
  void land(u32 leap) {
    if (leap < room_) code_[leap].k = length_ - leap - 1;
  }

 private:
  sock_filter* code_;
  u32 room_;
  u32 length_ = 0;
};

constexpr u16 kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr u16 kIfEqual = BPF_JMP | BPF_JEQ | BPF_K, kIfGreater = BPF_JMP | BPF_JGT | BPF_K,
              kIfAtLeast = BPF_JMP | BPF_JGE | BPF_K;

// Falls through where the condition holds; where not, leaves by the leap that is returned. The upper word decides
// alone unless it is equal. Offsets of jumps count from the next instruction.
u32 put_condition(Program& p, const SeccompCondition& c) {
  const u32 low = offsetof(seccomp_data, args) + c.argument * sizeof(u64), high = low + 4;
  const u64 value = c.comparison == kMaskedEqual ? c.second : c.value;
  const u32 value_low = static_cast<u32>(value), value_high = static_cast<u32>(value >> 32);
  p.put(kLoad, high);
  switch (c.comparison) {
    case kEqual:
    case kMaskedEqual: {
      const bool masked = c.comparison == kMaskedEqual;
      if (masked) p.put(BPF_ALU | BPF_AND | BPF_K, static_cast<u32>(c.value >> 32));
      p.put(kIfEqual, value_high, 0, masked ? 3 : 2);
      p.put(kLoad, low);
      if (masked) p.put(BPF_ALU | BPF_AND | BPF_K, static_cast<u32>(c.value));
      p.put(kIfEqual, value_low, 1, 0);
      break;
    }
    case kNotEqual:
      p.put(kIfEqual, value_high, 0, 3);
      p.put(kLoad, low);
      p.put(kIfEqual, value_low, 0, 1);
      break;
    case kLess:
    case kLessOrEqual:
      p.put(kIfGreater, value_high, 3, 0);
      p.put(kIfEqual, value_high, 0, 3);
      p.put(kLoad, low);
      p.put(c.comparison == kLess ? kIfAtLeast : kIfGreater, value_low, 0, 1);
      break;
    default:
      p.put(kIfGreater, value_high, 4, 0);
      p.put(kIfEqual, value_high, 0, 2);
      p.put(kLoad, low);
      p.put(c.comparison == kGreater ? kIfGreater : kIfAtLeast, value_low, 1, 0);
      break;
  }
  return p.leap();
}

void put_rules(Program& p, const SeccompProfile& profile, u32 nr) {
  for (const SeccompRule* rule = profile.calls[nr].first; rule != nullptr; rule = rule->next) {
    u32 leaps[6];
    for (u32 i = 0; i < rule->conditions; i++) leaps[i] = put_condition(p, rule->condition[i]);
    p.give(rule->action);
    for (u32 i = 0; i < rule->conditions; i++) p.land(leaps[i]);
  }
  p.give(profile.otherwise);
}

// Numbers from `start` to the next segment's that are treated alike.
struct Segment {
  u32 start;
  bool rules;
  u32 action;
};

u32 past_the_end(const SeccompProfile& profile) {
  const bool error = (profile.otherwise & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
  return error && profile.end != 0 ? SECCOMP_RET_ERRNO | ENOSYS : profile.otherwise;
}

u32 cut(const SeccompProfile& profile, Segment* segments) {
  u32 n = 0;
  const auto add = [&](u32 start, bool rules, u32 action) {
    if (n == 0 || rules || segments[n - 1].rules || segments[n - 1].action != action)
      segments[n++] = {start, rules, action};
  };
  for (u32 nr = 0; nr < profile.end; nr++) {
    const auto& call = profile.calls[nr];
    if (call.decided)
      add(nr, false, call.action);
    else
      add(nr, call.first != nullptr, profile.otherwise);
  }
  add(profile.end, false, past_the_end(profile));
  // x32's numbers: without that architecture they are another one's, which libseccomp kills.
  add(kX32, false, profile.x32 ? profile.otherwise : SECCOMP_RET_KILL_THREAD);
  return n;
}

// A binary search for the number in A among segments [from, to).
void put_search(Program& p, const SeccompProfile& profile, const Segment* segments, u32 from, u32 to) {
  if (to - from == 1) {
    if (segments[from].rules)
      put_rules(p, profile, segments[from].start);
    else
      p.give(segments[from].action);
    return;
  }
  const u32 middle = from + (to - from) / 2;
  p.put(kIfAtLeast, segments[middle].start, 0, 1);
  const u32 leap = p.leap();
  put_search(p, profile, segments, from, middle);
  p.land(leap);
  put_search(p, profile, segments, middle, to);
}

}  // namespace

const char* read_seccomp(Arena& arena, const Value* seccomp, SeccompProfile& profile) {
  constexpr const char* kPath = "linux.seccomp";
  profile = {};
  if (!seccomp->is(Kind::kObject)) return "linux.seccomp must be an object";
  static constexpr const char* kKnown[] = {"defaultAction", "defaultErrnoRet", "architectures",
                                           "flags",         "listenerPath",    "syscalls"};
  if (const char* wrong = check_names(arena, seccomp, kPath, kKnown)) return wrong;
  if (const char* wrong =
          read_action(arena, json::find(seccomp, "defaultAction"), json::find(seccomp, "defaultErrnoRet"),
                      "linux.seccomp.defaultAction", profile.otherwise))
    return wrong;
  if (const char* wrong = read_architectures(arena, json::find(seccomp, "architectures"), profile))
    return wrong;
  const Value* calls = json::find(seccomp, "syscalls");
  if (calls == nullptr || calls->is(Kind::kNull)) return nullptr;
  if (!calls->is(Kind::kArray)) return "linux.seccomp.syscalls must be an array";
  u32 index = 0;
  for (const Value* entry = calls->first; entry != nullptr; entry = entry->next, index++) {
    Output path(arena);
    path.add("linux.seccomp.syscalls[").dec(index).put(']');
    if (const char* wrong = read_entry(arena, entry, path.string(), profile)) return wrong;
  }
  return nullptr;
}

bool may_pass(const SeccompProfile& profile, u32 nr) {
  if (nr >= profile.end) return passes(past_the_end(profile));
  const auto& call = profile.calls[nr];
  if (call.decided) return passes(call.action);
  for (const SeccompRule* rule = call.first; rule != nullptr; rule = rule->next) {
    if (passes(rule->action)) return true;
  }
  return passes(profile.otherwise);
}

u32 compile_seccomp(Arena& arena, const SeccompProfile& profile, sock_filter* code, u32 room) {
  auto* segments = static_cast<Segment*>(arena.get((kCalls + 3) * sizeof(Segment)));
  const u32 n = cut(profile, segments);
  Program p(code, room);
  p.put(kLoad, offsetof(seccomp_data, arch));
  p.put(kIfEqual, AUDIT_ARCH_X86_64, 1, 0);
  p.give(SECCOMP_RET_KILL_THREAD);
  p.put(kLoad, offsetof(seccomp_data, nr));
  put_search(p, profile, segments, 0, n);
  return p.length();
}

}  // namespace barchan::runtime
