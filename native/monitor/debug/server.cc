// The thread that takes Node's commands. It is none of the guest's: signals of the process do not come to it, but for
// SIGSEGV and SIGBUS while it touches guest memory, which it gives back as the ring's executor does.
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/uio.h>

#include "abi/start.h"
#include "host/string.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "kvm/vcpu.h"
#include "monitor/debug/world.h"
#include "monitor/entry.h"
#include "monitor/fds.h"
#include "monitor/mm/debug.h"
#include "monitor/mm/mm.h"
#include "monitor/policy.h"
#include "monitor/report.h"
#include "monitor/signal/signal.h"
#include "monitor/start.h"
#include "monitor/syscalls/message.h"
#include "monitor/thread_pool.h"

namespace barchan {
extern "C" i64 barchan_clone(i64 nr, const u64 args[5], void* argument, void (*entry)(void*));
}

namespace barchan::debug {

void choose_secret();

namespace {

using abi::DebugCommand;
using abi::DebugMessage;

constexpr u64 kStackSize = 64 << 10;
constexpr u64 kFaults = u64{1} << 10 | u64{1} << 6;  // SIGSEGV, SIGBUS
constexpr u64 kTaskSizeMax = 0x7ffffffff000;
constexpr u32 kMsgNosignal = 0x4000;

alignas(16) u8 stack[kStackSize];
Thread self;
SignalTable no_signals;
i32 id;
abi::DebugCalls calls;

struct Incoming {
  DebugCommand head;
  u8 data[abi::kDebugDataMost];
};
struct Outgoing {
  DebugMessage head;
  u8 data[abi::kDebugDataMost];
};
Incoming in;
Outgoing out;  // replies; events have their own

i64 send(const void* bytes, u64 size) {
  iovec vector = {const_cast<void*>(bytes), size};
  MessageHeader header = {};
  header.vector = host::word(&vector);
  header.vector_count = 1;
  i64 result;
  do result = host::call(__NR_sendmsg, private_fd(kFdDebug), &header, kMsgNosignal);
  while (result == -EINTR);
  return result;
}

// The size of the command in `in`; 0 at the end.
i64 receive() {
  iovec vector = {&in, sizeof in};
  MessageHeader header = {};
  header.vector = host::word(&vector);
  header.vector_count = 1;
  i64 result;
  do result = host::call(__NR_recvmsg, private_fd(kFdDebug), &header, 0);
  while (result == -EINTR);
  return result;
}

// Its own accesses to guest memory may fault.
class OpenToFaults {
 public:
  OpenToFaults() { block(1 /* SIG_UNBLOCK */); }
  ~OpenToFaults() {
    block(0 /* SIG_BLOCK */);
    signals_give_back(self);
  }
  OpenToFaults(const OpenToFaults&) = delete;
  OpenToFaults& operator=(const OpenToFaults&) = delete;

 private:
  static void block(int how) { host::call(__NR_rt_sigprocmask, how, &kFaults, nullptr, sizeof kFaults); }
};

struct Search {
  i32 tid;
  Thread* found;
};
Thread* find(i32 tid) {
  Search search = {tid, nullptr};
  pool_visit(
      [](Thread& t, void* context) {
        auto& s = *static_cast<Search*>(context);
        if (is_debugged(t) && tid_of(t) == s.tid) s.found = &t;
      },
      &search);
  return search.found;
}

// A thread that is stopped stays, and so does its vCPU, but for one in a call that ends it.
i64 thread_for(i32 tid, bool to_write, Thread*& t) {
  t = find(tid);
  if (!t) return -ESRCH;
  if (!is_out(*t)) return -EBUSY;
  if (!to_write) return 0;
  // One that is in no call is on its way to the border.
  for (u32 i = 0; i < 2000; i++) {
    if (__atomic_load_n(&t->debug.parked, __ATOMIC_SEQ_CST)) return 0;
    if (__atomic_load_n(&t->debug.call, __ATOMIC_SEQ_CST) != 0) return -EBUSY;
    wait_a_moment();
  }
  return -EBUSY;
}

struct Listing {
  abi::DebugThread* to;
  u32 count;
};
u64 list_threads() {
  Listing listing = {reinterpret_cast<abi::DebugThread*>(out.data), 0};
  pool_visit(
      [](Thread& t, void* context) {
        auto& l = *static_cast<Listing*>(context);
        if (!is_debugged(t) || t.tid_cookie == 0 || l.count == abi::kDebugDataMost / sizeof *l.to) return;
        const bool calls_now = t.debug.call != 0 && !__atomic_load_n(&t.debug.parked, __ATOMIC_SEQ_CST);
        const u32 state = !is_out(t) ? abi::kDebugRunning : calls_now ? abi::kDebugInCall : abi::kDebugParked;
        l.to[l.count++] = {tid_of(t), state};
      },
      &listing);
  return listing.count * sizeof(abi::DebugThread);
}

static_assert(sizeof(UserRegisters) == offsetof(abi::DebugRegisters, fs_base));
static_assert(offsetof(UserRegisters, rip) == offsetof(abi::DebugRegisters, rip));

i64 get_registers(u64& size) {
  Thread* t;
  if (const i64 error = thread_for(in.head.tid, false, t); error != 0) return error;
  abi::DebugRegisters r = {};
  memcpy(&r, &t->user, sizeof t->user);
  if (const i64 error = kvm::get_segment_bases(*t->vcpu, r.fs_base, r.gs_base); error != 0) return error;
  r.call = t->debug.call == 0 ? ~u64{0} : t->debug.call - 1;
  memcpy(out.data, &r, sizeof r);
  size = sizeof r;
  return 0;
}

i64 set_registers(u64 length) {
  abi::DebugRegisters r;
  if (length != sizeof r) return -EINVAL;
  memcpy(&r, in.data, sizeof r);
  if (r.fs_base >= kTaskSizeMax || r.gs_base >= kTaskSizeMax) return -EINVAL;
  Thread* t;
  if (const i64 error = thread_for(in.head.tid, true, t); error != 0) return error;
  memcpy(&t->user, &r, sizeof t->user);
  t->user.rflags = user_flags(t->user.rflags);
  t->user_changed = true;
  return kvm::set_segment_bases(*t->vcpu, &r.fs_base, &r.gs_base);
}

i64 get_state(u64& size) {
  static kvm::XsaveArea area;
  Thread* t;
  if (const i64 error = thread_for(in.head.tid, false, t); error != 0) return error;
  if (const i64 error = kvm::get_xsave(*t->vcpu, area); error < 0) return error;
  size = kvm::xsave_size();
  memcpy(out.data, area.bytes, size);
  return 0;
}

i64 set_state(u64 length) {
  static kvm::XsaveArea area;
  if (length != kvm::xsave_size()) return -EINVAL;
  memset(area.bytes, 0, sizeof area.bytes);
  memcpy(area.bytes, in.data, length);
  Thread* t;
  if (const i64 error = thread_for(in.head.tid, true, t); error != 0) return error;
  return kvm::set_xsave(*t->vcpu, area);
}

i64 read_memory(u64& size) {
  u64 address = in.head.address, left = in.head.length;
  if (left > abi::kDebugDataMost) return -EINVAL;
  OpenToFaults open;
  while (left != 0) {
    const u64 part = min(left, kPageSize - address % kPageSize);
    if (copy_from_guest(out.data + size, address, part) != 0) break;
    address += part, left -= part, size += part;
  }
  if (size == 0 && left != 0) return -EFAULT;
  mm::breakpoints_hide(in.head.address, out.data, size);
  return 0;
}

i64 resume_threads(u64 length) {
  if (length % sizeof(abi::DebugAction) != 0 || in.head.kinds > abi::kDebugStepOver) return -EINVAL;
  const auto* actions = reinterpret_cast<const abi::DebugAction*>(in.data);
  const u32 count = static_cast<u32>(length / sizeof *actions);
  for (u32 i = 0; i < count; i++) {
    if (actions[i].go > abi::kDebugStepOver || actions[i].signal > kSignals) return -EINVAL;
  }
  return resume(actions, count, static_cast<abi::DebugGo>(in.head.kinds));
}

i64 finish_call() {
  Thread* t;
  if (const i64 error = thread_for(in.head.tid, true, t); error != 0) return error;
  if (t->debug.call == 0) return -EINVAL;
  t->debug.result = static_cast<i64>(in.head.address);
  t->debug.finished = true;
  return 0;
}

// What a command gives: a reply of `size` bytes, or -errno.
i64 obey(u64 length, u64& size) {
  const DebugCommand& c = in.head;
  switch (c.operation) {
    case abi::kDebugThreads: return size = list_threads(), 0;
    case abi::kDebugGetRegisters: return get_registers(size);
    case abi::kDebugSetRegisters: return set_registers(length);
    case abi::kDebugGetState: return get_state(size);
    case abi::kDebugSetState: return set_state(length);
    case abi::kDebugRead: return read_memory(size);
    case abi::kDebugWrite: {
      OpenToFaults open;
      return mm::debug_write(c.address, in.data, length);
    }
    case abi::kDebugSetBreakpoint: {
      OpenToFaults open;
      return mm::breakpoint_set(c.address);
    }
    case abi::kDebugClearBreakpoint: {
      OpenToFaults open;
      return mm::breakpoint_clear(c.address);
    }
    case abi::kDebugResume: return resume_threads(length);
    case abi::kDebugCalls:
      if (length != sizeof calls) return -EINVAL;
      memcpy(&calls, in.data, sizeof calls);
      return 0;
    case abi::kDebugFinish: return finish_call();
    case abi::kDebugTrap: return mm::traps_set(c.address, c.length, c.kinds);
    case abi::kDebugCover: return mm::cover(c.kinds);
    case abi::kDebugCovered: {
      out.head.a = c.address;
      const u32 n = mm::covered(out.head.a, reinterpret_cast<u64*>(out.data), abi::kDebugDataMost / 8);
      return size = n * sizeof(u64), 0;
    }
    case abi::kDebugMappings:
      size = sizeof(abi::DebugMapping) * mm::debug_mappings(c.address,
                                                            reinterpret_cast<abi::DebugMapping*>(out.data),
                                                            abi::kDebugDataMost / sizeof(abi::DebugMapping));
      return 0;
    default: return -ENOSYS;
  }
}

void lose() {
  {
    OpenToFaults open;
    mm::debug_forget();
  }
  __atomic_store_n(&active, false, __ATOMIC_SEQ_CST);
  let_all_go();
}

void reply(u64 size, i64 error) {
  out.head.magic = abi::kDebugMagic;
  out.head.size = static_cast<u32>(sizeof out.head + size);
  out.head.id = in.head.id;
  out.head.event = in.head.operation;
  out.head.tid = in.head.tid;
  out.head.error = static_cast<i32>(-error);
  send(&out, out.head.size);
}

void server_main(void*) {
  id = static_cast<i32>(host::call(__NR_gettid));
  // For other monitors, which hide it by this (syscalls/proc_tasks.cc).
  if (!policy::is_active()) host::call(__NR_prctl, PR_SET_NAME, "barchan-debug", 0, 0, 0);
  for (;;) {
    const i64 received = receive();
    if (received < static_cast<i64>(sizeof in.head) || in.head.magic != abi::kDebugMagic ||
        in.head.size != static_cast<u64>(received) || in.head.id == 0)
      break;
    out.head = {};
    u64 size = 0;
    if (in.head.operation == abi::kDebugDetach) {
      lose();
      reply(0, 0);
      break;
    }
    const bool interrupts = in.head.operation == abi::kDebugInterrupt && stop_for_server();
    const u64 length = static_cast<u64>(received) - sizeof in.head;
    const i64 error = in.head.operation == abi::kDebugInterrupt ? 0 : obey(length, size);
    reply(error < 0 ? 0 : size, min(error, i64{0}));
    if (interrupts) tell(self, {abi::kDebugInterrupted});
  }
  if (active) lose();
  host::call(__NR_shutdown, private_fd(kFdDebug), 2 /* SHUT_RDWR */);
  for (;;) host::call(__NR_exit, 0);
}

bool make_server(Thread& t) {
  self = {};
  self.self = &self;
  self.signals = &no_signals;
  self.executes = true;
  const u64 arguments[5] = {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS,
                            reinterpret_cast<u64>(stack) + kStackSize - 64, 0, 0, host::word(&self)};
  const u64 all = ~u64{0};
  host::call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, nullptr, sizeof all);
  const i64 result = barchan_clone(__NR_clone, arguments, nullptr, server_main);
  signals_restore_mask(t);
  if (result < 0) return false;
  id = static_cast<i32>(result);
  return true;
}

bool has(const u64 (&set)[8], u32 nr) { return nr < 512 && (set[nr / 64] >> nr % 64 & 1); }

}  // namespace

i32 server_id() { return active ? id : 0; }

bool stops_before(u32 nr) { return has(calls.entry, nr); }
bool stops_behind(u32 nr) { return has(calls.leave, nr); }

// From the thread that has stopped the others, or the server.
void tell(const Thread& t, const Occasion& occasion) {
  static Outgoing message;
  message.head = {};
  message.head.magic = abi::kDebugMagic;
  message.head.event = occasion.event;
  message.head.tid = &t == &self ? 0 : tid_of(t);
  message.head.a = occasion.a;
  message.head.b = occasion.b;
  message.head.c = occasion.c;
  u64 size = sizeof message.head;
  if (occasion.event == abi::kDebugStarted || occasion.event == abi::kDebugExecuted) {
    const abi::DebugProgram description = {t.user.rsp, kvm::xsave_size(), kvm::xsave_features()};
    memcpy(message.data, &description, sizeof description);
    const u64 length = strlen(program.path);
    memcpy(message.data + sizeof description, program.path, length);
    size += sizeof description + length;
  }
  message.head.size = static_cast<u32>(size);
  send(&message, size);
}

void start(Thread& t, bool executed) {
  const int socket = private_fd(kFdDebug);
  if (host::call(__NR_fcntl, socket, F_GETFD) < 0) return;
  if (!is_first_process()) {
    host::call(__NR_close, socket);
    return;
  }
  choose_secret();
  active = true;
  if (!make_server(t))
    fail_start("ERR_SYSTEM", EAGAIN, "cannot make the debugger's thread", nullptr, abi::kExitStartFailed);
  report(t, {executed ? abi::kDebugExecuted : abi::kDebugStarted});
}

}  // namespace barchan::debug
