#include "monitor/dispatch.h"

#include <linux/fcntl.h>
#include <linux/time.h>

#include "host/call_numbers.h"
#include "host/interruptible.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/chaos/chaos.h"
#include "monitor/check.h"
#include "monitor/events/events.h"
#include "monitor/fds.h"
#include "monitor/intercept/intercept.h"
#include "monitor/policy.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_mem.h"
#include "monitor/table.h"
#include "monitor/trace.h"

namespace barchan {
namespace {

using table::Class;
using table::Row;

template <typename... Args> constexpr Call make_call(u32 nr, Args... args) {
  return {nr, {host::word(args)...}};
}

// The call that a REWRITE row stands for. Pre: call.nr is the number of such a row.
Call rewritten(const Call& call) {
  switch (call.nr) {
#define TO(target, ...) make_call(__NR_##target, __VA_ARGS__)
#define A0 call.arg[0]
#define A1 call.arg[1]
#define A2 call.arg[2]
#define A3 call.arg[3]
// clang-format off
#define REWRITE(nr, name, family, to, args, status, note) \
  case nr: return to;
// clang-format on
#include "monitor/syscalls.def"
#undef A3
#undef A2
#undef A1
#undef A0
#undef TO
  }
  __builtin_unreachable();
}

// Pre: call.nr is the number of a CANON or EMULATE row.
i64 handle(Thread& t, const Call& call) {
  switch (call.nr) {
// clang-format off
#define CANON(nr, name, family, flags, args, status, note) \
  case nr: return sys_##name(t, call);
#define EMULATE(nr, name, family, flags, args, status, note) \
  case nr: return sys_##name(t, call);
// clang-format on
#include "monitor/syscalls.def"
  }
  __builtin_unreachable();
}

i64 pass(Thread& t, const Call& call) {
  i64 result;
  if (files::proc_copies_in_use) [[unlikely]] {
    if (const i64 error = files::refresh_before(call)) return error;
    if (files::copy_call(call, result)) return result;
  }
  result = t.host_call(static_cast<i64>(call.nr), call.arg);
  if (result == -EBADF && files::proc_mem_in_use) [[unlikely]]
    return files::proc_mem_call(call);
  return result;
}

// Pre: the arguments are checked, and nobody has anything against the call any more.
i64 carry_out(Thread& t, const Call& call, const Row& row) {
  const bool locks = row.flags & table::kFdLock;
  if (locks && !fd_lock_shared(t)) return host::kRestart;
  i64 result = row.cls == Class::kPass ? pass(t, call) : handle(t, call);
  if (locks) fd_unlock_shared(t);
  if (row.flags & table::kNewFd) result = fd_created(result);
  return result;
}

// A call that Node decides. The policy has let it through.
[[gnu::noinline]] i64 intercepted(Thread& t, u32 original, const Call& call, const Row& row) {
  intercept::Stopped stopped(t, original, call, row);
  i64 result;
  return stopped.decides(result) ? result : carry_out(t, stopped.call(), row);
}

i64 ask_or_carry_out(Thread& t, u32 original, const Call& call, const Row& row) {
  if (intercept::asks_about(static_cast<u32>(call.nr))) [[unlikely]]
    return intercepted(t, original, call, row);
  return carry_out(t, call, row);
}

// A call of a program that meets faults on purpose.
[[gnu::noinline]] i64 with_faults(Thread& t, u32 original, Call call, const Row& row) {
  i64 result;
  if (chaos::inject(t, call, row, result)) return result;
  result = ask_or_carry_out(t, original, call, row);
  chaos::ended(t, call, result);
  return result;
}

// A call whose arguments want checking, or that has more to it than one host call.
[[gnu::noinline]] i64 checked(Thread& t, const Call& guest, const Row* row) {
  Call call = guest;
  check::arguments(*row, call.arg, fd_base());
  if (row->cls == Class::kRewrite) {
    call = rewritten(call);
    row = &table::kTable.of[call.nr];
    // A call that is denied is denied by its older names as well.
    if (policy::is_active()) {
      if (const i64 refusal = policy::judge(call.nr, call.arg)) return refusal;
    }
  }
  const u32 original = static_cast<u32>(guest.nr);
  if (chaos::active) [[unlikely]]
    return with_faults(t, original, call, *row);
  return ask_or_carry_out(t, original, call, *row);
}

// The last call of Linux 6.1, the oldest kernel that is supported.
constexpr u64 kLastOfOldest = 450;

// Whether the host has a call newer than that. Asked once, by arguments that no call takes: a handler may find an
// error of its own before it asks the host. Pre: kLastOfOldest < nr < kRows: older calls may act on any arguments.
bool host_has(u32 nr) {
  enum : u8 { kUnknown, kYes, kNo };
  static u8 answers[512];
  u8& answer = answers[nr % 512];
  if (__atomic_load_n(&answer, __ATOMIC_RELAXED) == kUnknown) {
    const bool has = host::call(static_cast<i64>(nr), -1, -1, -1, -1, -1, -1) != -ENOSYS;
    __atomic_store_n(&answer, has ? kYes : kNo, __ATOMIC_RELAXED);
  }
  return __atomic_load_n(&answer, __ATOMIC_RELAXED) == kYes;
}

// C libraries make fstat of newfstatat(fd, "", ..., AT_EMPTY_PATH). A policy judges it as the fstat that it is, which reaches
// no file by its name; the path is looked at once.
Call without_disguise(const Call& call) {
  if (call.nr != __NR_newfstatat || static_cast<u32>(call.arg[3]) != AT_EMPTY_PATH) return call;
  char first = 1;
  if (copy_from_guest(&first, call.arg[1], 1) != 0 || first != 0) return call;
  if (static_cast<i32>(call.arg[0]) == AT_FDCWD) return call;
  return {__NR_fstat, {call.arg[0], call.arg[2]}};
}

i64 perform(Thread& t, const Call& guest) {
  const Call call =
      policy::is_active() || intercept::active || chaos::active ? without_disguise(guest) : guest;
  const Row* row = table::row(call.nr);
  if (!row) return -ENOSYS;
  const u32 nr = static_cast<u32>(call.nr);  // GUEST: Linux ignores the upper half, as table::row() does
  if (policy::is_active()) [[unlikely]] {
    if (const i64 refusal = policy::judge(call.nr, call.arg)) return refusal;
  }
  if (row->cls == Class::kDeny) return row->error;
  if (nr > kLastOfOldest && row->cls == Class::kHandler && !host_has(nr)) [[unlikely]]
    return -ENOSYS;
  // The shortest way for getpid, sched_yield and the like.
  if (row->cls == Class::kPass && (row->checks | row->flags) == 0 && !intercept::asks_about(nr) &&
      !chaos::active) {
    return t.host_call(static_cast<i64>(call.nr), call.arg);
  }
  return checked(t, call, row);
}

// A rewritten call ends at a row that is not rewritten again.
consteval bool rewrites_end() {
  constexpr u32 kRewritten[] = {
#define REWRITE(nr, name, family, to, args, status, note) nr,
#include "monitor/syscalls.def"
  };
  constexpr u32 kTargets[] = {
#define TO(target, ...) __NR_##target
#define REWRITE(nr, name, family, to, args, status, note) to,
#include "monitor/syscalls.def"
#undef TO
  };
  for (u32 target : kTargets) {
    for (u32 source : kRewritten) {
      if (target == source) return false;
    }
  }
  return true;
}
static_assert(rewrites_end());

// Row numbers are the kernel's.
#define PASS(nr, name, family, flags, args, status, note) static_assert(nr == __NR_##name);
#define INGUEST(nr, name, family, flags, args, status, note) static_assert(nr == __NR_##name);
#define REWRITE(nr, name, family, to, args, status, note) static_assert(nr == __NR_##name);
#define CANON(nr, name, family, flags, args, status, note) static_assert(nr == __NR_##name);
#define EMULATE(nr, name, family, flags, args, status, note) static_assert(nr == __NR_##name);
#include "monitor/syscalls.def"

[[gnu::noinline]] i64 traced(Thread& t, const Call& call) {
  trace::Calling calling(t, call);
  return calling.ended(t, perform(t, call));
}

[[gnu::noinline]] i64 watched(Thread& t, const Call& call) {
  if (!events::wants(~abi::kWatchTrace)) return trace_on ? traced(t, call) : perform(t, call);
  events::Calling calling(t, call);
  return calling.ended(t, trace_on ? traced(t, call) : perform(t, call));
}

}  // namespace

i64 dispatch(Thread& t, const Call& call) {
  if (events::watched()) [[unlikely]]
    return watched(t, call);
  return perform(t, call);
}

}  // namespace barchan
