#include "monitor/host_calls.h"

#include "host/call_numbers.h"
#include "monitor/table.h"

namespace barchan::host_calls {
namespace {

enum class Call : u16 {
#define PASS(nr, name, family, flags, args, status, note) name = nr,
#define REWRITE(nr, name, family, to, args, status, note) name = nr,
#define CANON(nr, name, family, flags, args, status, note) name = nr,
#define EMULATE(nr, name, family, flags, args, status, note) name = nr,
#define INGUEST(nr, name, family, flags, args, status, note) name = nr,
#define DENY(nr, name, family, error, args, note) name = nr,
#include "monitor/syscalls.def"
};
using enum Call;

template <typename... C> constexpr void add_all(CallSet& set, C... calls) {
  (set.add(static_cast<u32>(calls)), ...);
}

constexpr CallSet core() {
  CallSet set;
#define HANDLER(name, ...)
#define TRACE(...)
#define CORE(...) add_all(set, __VA_ARGS__);
#define INTERCEPT(...)
#define CHAOS(...)
#define DEBUG(...)
#include "monitor/host_calls.def"
  return set;
}

constexpr CallSet tracing() {
  CallSet set;
#define HANDLER(name, ...)
#define TRACE(...) add_all(set, __VA_ARGS__);
#define CORE(...)
#define INTERCEPT(...)
#define CHAOS(...)
#define DEBUG(...)
#include "monitor/host_calls.def"
  return set;
}

constexpr CallSet intercepting() {
  CallSet set;
#define HANDLER(name, ...)
#define TRACE(...)
#define CORE(...)
#define INTERCEPT(...) add_all(set, __VA_ARGS__);
#define CHAOS(...)
#define DEBUG(...)
#include "monitor/host_calls.def"
  return set;
}

constexpr CallSet injecting() {
  CallSet set;
#define HANDLER(name, ...)
#define TRACE(...)
#define CORE(...)
#define INTERCEPT(...)
#define CHAOS(...) add_all(set, __VA_ARGS__);
#define DEBUG(...)
#include "monitor/host_calls.def"
  return set;
}

constexpr CallSet debugging() {
  CallSet set;
#define HANDLER(name, ...)
#define TRACE(...)
#define CORE(...)
#define INTERCEPT(...)
#define CHAOS(...)
#define DEBUG(...) add_all(set, __VA_ARGS__);
#include "monitor/host_calls.def"
  return set;
}

// Pre: `nr` is the number of a CANON or EMULATE row.
void add_handler(CallSet& set, u32 nr) {
  switch (nr) {
#define HANDLER(name, ...)                   \
  case static_cast<u32>(name):               \
    add_all(set __VA_OPT__(, ) __VA_ARGS__); \
    return;
#define TRACE(...)
#define CORE(...)
#define INTERCEPT(...)
#define CHAOS(...)
#define DEBUG(...)
#include "monitor/host_calls.def"
  }
  __builtin_unreachable();
}

// Every row with a handler has its line, and no other has one.
consteval bool lines_match_rows() {
  CallSet rows, lines;
#define CANON(nr, name, family, flags, args, status, note) rows.add(nr);
#define EMULATE(nr, name, family, flags, args, status, note) rows.add(nr);
#include "monitor/syscalls.def"
#define HANDLER(name, ...) lines.add(static_cast<u32>(name));
#define TRACE(...)
#define CORE(...)
#define INTERCEPT(...)
#define CHAOS(...)
#define DEBUG(...)
#include "monitor/host_calls.def"
  for (u32 nr = 0; nr < CallSet::kEnd; nr++) {
    if (rows.has(nr) != lines.has(nr)) return false;
  }
  return true;
}
static_assert(lines_match_rows(),
              "monitor/host_calls.def must have one HANDLER line for each CANON and EMULATE row");

}  // namespace

u32 target_of(u32 nr) {
  switch (nr) {
#define TO(target, ...) __NR_##target
#define REWRITE(number, name, family, to, args, status, note) \
  case number:                                                \
    return to;
#include "monitor/syscalls.def"
#undef TO
  }
  return nr;
}

CallSet reachable(const policy::Policy& policy, Use use) {
  CallSet set = core();
  if (use.traced) set.add(tracing());
  if (use.intercepted) set.add(intercepting());
  if (use.chaotic) set.add(injecting());
  if (use.debugged) set.add(debugging());
  for (u32 nr = 0; nr < table::kRows; nr++) {
    if (!policy::can_pass(policy, nr)) continue;
    const u32 target = target_of(nr);
    if (target != nr && !policy::can_pass(policy, target)) continue;
    const table::Row* row = table::row(target);
    if (!row || row->cls == table::Class::kDeny) continue;
    if (row->cls == table::Class::kHandler)
      add_handler(set, target);
    else
      set.add(target);
  }
  return set;
}

}  // namespace barchan::host_calls
