#include "monitor/debug/world.h"

#include <asm/unistd.h>

#include "host/lock.h"
#include "host/syscall.h"
#include "monitor/report.h"
#include "monitor/thread_pool.h"

namespace barchan::debug {
namespace {

constexpr int kKick = 11;               // SIGSEGV: always the monitor's, and never blocked in the guest
constexpr i32 kKickCode = -0x44425547;  // no code of the kernel's

host::Mutex world;  // whoever stops or lets go
u32 stopped;
u32 hold_new;  // for threads to come
u64 secret;    // tells a kick from a signal that the guest sends itself

u32 load(const u32& word) { return __atomic_load_n(&word, __ATOMIC_SEQ_CST); }
void store(u32& word, u32 value) { __atomic_store_n(&word, value, __ATOMIC_SEQ_CST); }

void send_kick(const Thread& t) {
  SignalInfo info = {kKick, 0, kKickCode, 0, {}};
  info.fields[1] = secret;
  host::call(__NR_rt_tgsigqueueinfo, host::call(__NR_getpid), tid_of(t), kKick, &info);
}

void hold(Thread& t, void*) {
  if (!is_debugged(t)) return;
  State& d = t.debug;
  store(d.held, 1);
  u32 place = kInside;
  if (!__atomic_compare_exchange_n(&d.place, &place, kKicking, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return;
  send_kick(t);
  store(d.place, kKicked);
  host::futex_wake(&d.place, 1);
}

// Pre: the lock.
void stop_all() {
  stopped = 1;
  store(hold_new, 1);
  pool_visit(hold, nullptr);
  for (;;) {
    bool inside = false;
    pool_visit(
        [](Thread& t, void* any) {
          if (is_debugged(t) && load(t.debug.place) != kOutside) *static_cast<bool*>(any) = true;
        },
        &inside);
    if (!inside) return;
    wait_a_moment();
  }
}

struct Resumption {
  const abi::DebugAction* actions;
  u32 count;
  u32 others;
  u32 known;  // of the actions, those whose thread was found
};

const abi::DebugAction* action_of(const Resumption& r, const Thread& t) {
  for (u32 i = 0; i < r.count; i++)
    if (r.actions[i].tid == tid_of(t)) return &r.actions[i];
  return nullptr;
}

void let_go(Thread& t, void* context) {
  if (!is_debugged(t)) return;
  const Resumption& r = *static_cast<Resumption*>(context);
  const abi::DebugAction* action = action_of(r, t);
  const u32 go = action ? action->go : r.others;
  State& d = t.debug;
  d.signal = action ? action->signal : 0;
  d.go = go;
  if (go == abi::kDebugStay) return;
  // A fault's own signal is the thread's to take up; any other comes as if somebody had sent it.
  if (d.signal != 0 && d.signal != d.fault)
    host::call(__NR_tgkill, host::call(__NR_getpid), tid_of(t), d.signal);
  d.fault = 0;
  store(d.held, 0);
  host::futex_wake(&d.held, 1);
}

}  // namespace

void wait_a_moment() {
  const u32 nobody = 0;
  const u64 moment[2] = {0, 500000};
  host::call(__NR_futex, &nobody, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, moment);
}

bool is_debugged(const Thread& t) { return !t.vforked && !t.leaving; }
bool is_out(const Thread& t) { return load(t.debug.held) && load(t.debug.place) == kOutside; }

bool enter(Thread& t) {
  store(t.debug.place, kInside);
  if (!load(t.debug.held) || !active) return true;
  leave(t);
  return false;
}

// Whoever has been chosen for a kick waits for it here, so that it hits no host call.
void leave(Thread& t) {
  u32 place = kInside;
  if (!__atomic_compare_exchange_n(&t.debug.place, &place, kOutside, false, __ATOMIC_SEQ_CST,
                                   __ATOMIC_SEQ_CST)) {
    while (load(t.debug.place) == kKicking) host::futex_wait(&t.debug.place, kKicking);
    host::call(__NR_gettid);  // behind any call a signal that was sent before it has come
    store(t.debug.place, kOutside);
  }
  t.vcpu->run->immediate_exit = 0;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  if (t.pending) t.vcpu->run->immediate_exit = 1;
}

bool take_kick(Thread& t, const SignalInfo& info) {
  if (info.signo != kKick || t.executes) return false;
  // Without memory for siginfo (RLIMIT_SIGPENDING) the kernel sends the bare number, from nobody.
  const bool bare = info.code == 0 && info.fields[0] == 0 && load(t.debug.place) >= kKicking;
  if (!bare && (info.code != kKickCode || info.fields[1] != secret)) return false;
  t.vcpu->run->immediate_exit = 1;
  return true;
}

void park(Thread& t) {
  State& d = t.debug;
  store(d.parked, 1);
  while (load(d.held) && active) host::futex_wait(&d.held, 1);
  store(d.parked, 0);
}

bool report(Thread& t, const Occasion& occasion) {
  for (;;) {
    if (!active) return true;
    {
      host::Guard guard(world);
      // One that is held comes after an interruption of Node's, or another thread's event.
      if (!stopped && !load(t.debug.held)) {
        stop_all();
        t.debug.go = abi::kDebugRun;
        t.debug.signal = 0;
        t.debug.fault = occasion.event == abi::kDebugFault ? static_cast<u32>(occasion.a) : 0;
        store(t.debug.parked, 1);  // Node may change its registers as soon as it knows
        tell(t, occasion);
        break;
      }
    }
    park(t);
    if (occasion.recurs) return false;
  }
  park(t);
  return true;
}

bool stop_for_server() {
  host::Guard guard(world);
  if (stopped) return false;
  stop_all();
  return true;
}

bool is_stopped() { return stopped != 0; }

i64 resume(const abi::DebugAction* actions, u32 count, abi::DebugGo others) {
  host::Guard guard(world);
  if (!stopped) return -EBUSY;
  Resumption r = {actions, count, others, 0};
  pool_visit(
      [](Thread& t, void* context) {
        auto& found = *static_cast<Resumption*>(context);
        if (is_debugged(t) && action_of(found, t)) found.known++;
      },
      &r);
  if (r.known != count) return -EINVAL;
  stopped = 0;
  store(hold_new, others == abi::kDebugStay);
  pool_visit(let_go, &r);
  return 0;
}

void let_all_go() {
  host::Guard guard(world);
  stopped = 0;
  store(hold_new, 0);
  Resumption all = {nullptr, 0, abi::kDebugRun, 0};
  pool_visit(let_go, &all);
}

void thread_created(Thread& t) { t.debug.held = load(hold_new); }

void reset_after_fork() {
  world.reset();
  stopped = hold_new = 0;
  State& d = current().debug;
  d = {};
}

void before_exec(Thread& t) {
  if (active && !t.vforked) park(t);
}

// Any number that the guest does not know will do.
void choose_secret() {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  secret = (low | static_cast<u64>(high) << 32) * 0x9e3779b97f4a7c15 ^ reinterpret_cast<u64>(&secret);
}

}  // namespace barchan::debug
