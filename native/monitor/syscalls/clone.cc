// clone(2), clone3(2), fork(2), vfork(2): threads and processes. Memory that is copied gets a VM of its own;
// memory that is shared (threads, vfork) stays in this one with another vCPU.
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/sched.h>

#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/answers/answers.h"
#include "monitor/chaos/chaos.h"
#include "monitor/counters.h"
#include "monitor/debug/debug.h"
#include "monitor/entry.h"
#include "monitor/exec.h"
#include "monitor/fds.h"
#include "monitor/mm/mm.h"
#include "monitor/ring/ring.h"
#include "monitor/signal/signal.h"
#include "monitor/spare_task.h"
#include "monitor/start.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/thread_pool.h"

namespace barchan {

extern "C" i64 barchan_clone(i64 nr, const u64 args[5], void* argument, void (*entry)(void*));

namespace {

constexpr u64 kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
// Tracing is refused anyway (ptrace), and CLONE_SETTLS concerns the guest's FS base, not the monitor's.
constexpr u64 kNotForHost =
    CLONE_PTRACE | CLONE_UNTRACED | CLONE_SETTLS | CLONE_CLEAR_SIGHAND | CLONE_DETACHED;
constexpr u64 kTaskSizeMax = 0x7ffffffff000;
constexpr u64 kMaxInt = 0x7fffffff;
constexpr i32 kMostProcesses = 4 << 20;  // PID_MAX_LIMIT

// What is asked for, as clone3 describes it.
struct Request {
  u64 flags;  // without the exit signal
  u64 exit_signal;
  u64 pidfd, child_tid, parent_tid;
  u64 stack;  // the child's initial stack pointer; 0: as the parent's
  u64 tls;
};

struct StartArgument {
  Thread* thread;
  bool clears_altstack;
  bool clears_handlers;
  u64 parent_tid;  // GUEST: where the child writes its id before it runs, or 0
};

// A parent that sleeps (CLONE_VFORK) leaves its hold on fd_lock to the child, which gives it up as soon as it runs. For
// one that was killed before, its parent does.
void give_up_table(Thread& child) {
  if (__atomic_exchange_n(&child.holds_table, 0, __ATOMIC_ACQ_REL) != 0) fd_lock.unlock_shared();
}

void thread_main(void* p) {
  const StartArgument a = *static_cast<StartArgument*>(p);
  Thread& t = *a.thread;
  t.tid_cookie = static_cast<i32>(host::call(__NR_gettid)) ^ kTidCookie;
  give_up_table(t);
  counters::claim(t);
  if (a.parent_tid) write_guest(a.parent_tid, tid_of(t));
  if (t.vforked) thread_mark_grave(t);
  signals_thread_start(t, a.clears_altstack);
  if (a.clears_handlers) signals_reset_handlers(t);
  signals_restore_mask(t);
  run(t);
}

// The host writes these words; one outside the arena is left out, as Linux ignores a bad address here.
u64 usable_flags(const Request& r) {
  u64 flags = r.flags;
  if (!in_arena(r.parent_tid, 4)) flags &= ~u64{CLONE_PARENT_SETTID};
  if (!in_arena(r.child_tid, 4)) flags &= ~u64{CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID};
  return flags;
}

// CLONE_PIDFD takes the place of the parent's tid in clone(2)'s arguments; clone3, which has both, is not used, as a
// seccomp filter cannot look into its structure. The tid is then written here.
bool writes_parent_tid(u64 flags) { return flags & CLONE_PIDFD && flags & CLONE_PARENT_SETTID; }

struct HostCall {
  u64 args[5];
};

void fill_host_call(HostCall& h, const Request& r, u64 flags, u64 stack_top, u64 tls) {
  if (writes_parent_tid(flags)) flags &= ~u64{CLONE_PARENT_SETTID};
  h.args[0] = flags | r.exit_signal;
  h.args[1] = stack_top;
  h.args[2] = flags & CLONE_PIDFD ? r.pidfd : r.parent_tid;
  h.args[3] = r.child_tid;
  h.args[4] = tls;
}

i64 share_memory(Thread& t, const Request& r) {
  Thread* child = thread_create(t);
  if (!child) return -EAGAIN;
  child->user.rax = 0;
  chaos::begin_child(*child, t);
  if (r.stack) child->user.rsp = r.stack;
  if (r.flags & CLONE_SETTLS) kvm::set_segment_bases(*child->vcpu, &r.tls, nullptr);
  const bool sleeps = r.flags & CLONE_VFORK, is_process = !(r.flags & CLONE_THREAD);
  child->vforked = is_process || t.vforked;
  if (is_process || (r.flags & (CLONE_FS | CLONE_FILES)) != (CLONE_FS | CLONE_FILES)) child->no_ring = true;
  const bool awaited = sleeps && is_process;
  child->awaited = awaited;
  if (r.flags & CLONE_SIGHAND) {
    signals_share_table(*child);
  } else if (!signals_copy_table(*child)) {
    thread_discard(child);
    return -ENOMEM;
  }
  auto* argument = reinterpret_cast<StartArgument*>(thread_stack_top(*child) - sizeof(StartArgument)) - 1;
  const u64 flags = usable_flags(r);
  *argument = {child, !sleeps, static_cast<bool>(r.flags & CLONE_CLEAR_SIGHAND),
               writes_parent_tid(flags) ? r.parent_tid : 0};
  HostCall h;
  fill_host_call(h, r, (flags & ~kNotForHost) | CLONE_SETTLS, host::word(argument) & ~u64{15},
                 host::word(child));

  signals_block_all();
  const bool locks = !t.own_table;
  if (locks) fd_lock.lock_shared();
  thread_join_process(*child, is_process, t);
  if (r.flags & CLONE_FILES) {
    thread_share_table(*child, t);
  } else {
    thread_copy_table(*child, t);
  }
  child->holds_table = sleeps && locks;
  child->own_table = is_process && !(r.flags & CLONE_FILES);
  if (r.flags & CLONE_FILES) t.own_table = false;
  // Before a child that is no process of the debugger's runs on this memory; for good where nobody waits for its end.
  if (is_process) debug::share_memory();
  const i64 result = barchan_clone(__NR_clone, h.args, argument, thread_main);
  if (result > 0) chaos::made_child(t);
  if (is_process && (awaited || result < 0)) debug::unshare_memory();
  // From here on a child that is not awaited may be gone, and its block another's.
  if (locks && !sleeps) fd_lock.unlock_shared();
  if (awaited || (sleeps && result < 0)) give_up_table(*child);
  // A child that this thread waited for has its own memory by now, or is gone.
  if (result < 0 || awaited) {
    exec_release_memory(*child);
    signals_release_table(*child);
    thread_discard(child);
  }
  signals_restore_mask(t);
  return result;
}

void become_child(Thread& t, const Request& r, const kvm::XsaveArea& state, u64 fs, u64 gs) {
  pool_drop_after_fork_child(t);
  mm::rebuild_after_fork_child();
  t.vcpu = nullptr;
  pool_adopt(t);
  counters::claim(t);
  ring::fork_child(t);
  answers::fork_child(t);
  entry_start(t, r.flags & CLONE_SETTLS ? r.tls : fs, gs);
  kvm::set_xsave(*t.vcpu, state);
  t.tid_cookie = static_cast<i32>(host::call(__NR_gettid)) ^ kTidCookie;
  t.robust_list = 0;
  t.vforked = t.own_table = false;
  t.tombstone = {};
  chaos::begin_child(t, t);
  if (r.stack) t.user.rsp = r.stack;
  signals_fork_child(t);
  start_fork_child();
  debug::fork_child();
  if (r.flags & CLONE_CLEAR_SIGHAND) signals_reset_handlers(t);
  signals_restore_mask(t);
}

// The child maps its vCPU, which a limit on the address space may forbid although Linux lets fork go past it. Better
// no child than one that cannot run.
bool child_could_map() {
  constexpr u64 kEnough = u64{1} << 16;
  rlimit64 limit;
  if (host::call(__NR_prlimit64, 0, RLIMIT_AS, nullptr, &limit) < 0 || limit.rlim_cur == RLIM64_INFINITY)
    return true;
  const i64 where = host::call(__NR_mmap, 0, kEnough, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return where >= 0 && host::call(__NR_munmap, where, kEnough) == 0;
}

i64 copy_memory(Thread& t, const Request& r) {
  if (!child_could_map()) return -ENOMEM;
  kvm::XsaveArea state;
  u64 fs, gs;
  if (kvm::get_xsave(*t.vcpu, state) < 0 || kvm::get_segment_bases(*t.vcpu, fs, gs) < 0) return -EAGAIN;
  HostCall h;
  fill_host_call(h, r, usable_flags(r) & ~kNotForHost, 0, 0);
  signals_block_all();
  // SIGSEGV and SIGBUS too: the child has no vCPU for a moment, and the handler needs one.
  const u64 all = ~u64{0};
  host::call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, nullptr, sizeof all);
  if (const i64 error = spare_task_take(); error < 0) {
    signals_restore_mask(t);
    return error;
  }
  // In the order of thread_create(), which takes fd_lock with the pool's lock held.
  pool_lock_for_fork();
  const bool locks = !t.own_table;
  if (locks) fd_lock.lock_shared();
  mm::lock_for_fork();
  const i64 result = host::syscall6(__NR_clone, h.args[0], h.args[1], h.args[2], h.args[3], h.args[4], 0);
  if (result == 0) {
    spare_task_forget();
    become_child(t, r, state, fs, gs);
    return 0;
  }
  if (result > 0) chaos::made_child(t);
  mm::unlock_after_fork_parent();
  if (locks) fd_lock.unlock_shared();
  pool_unlock_after_fork_parent();
  spare_task_release();
  if (result > 0 && writes_parent_tid(usable_flags(r))) write_guest(r.parent_tid, static_cast<i32>(result));
  signals_restore_mask(t);
  return result;
}

i64 make(Thread& t, const Request& r) {
  // The combinations that Linux refuses (man 2 clone, EINVAL).
  if (r.flags & (CLONE_NEWNS | CLONE_NEWUSER) && r.flags & CLONE_FS) return -EINVAL;
  if (r.flags & CLONE_THREAD && !(r.flags & CLONE_SIGHAND)) return -EINVAL;
  if (r.flags & CLONE_SIGHAND && !(r.flags & CLONE_VM)) return -EINVAL;
  if (r.flags & CLONE_CLEAR_SIGHAND && r.flags & CLONE_SIGHAND) return -EINVAL;
  if (r.flags & CLONE_THREAD && r.flags & (CLONE_NEWUSER | CLONE_NEWPID)) return -EINVAL;
  if (r.flags & CLONE_PIDFD && r.flags & CLONE_PARENT_SETTID && r.pidfd == r.parent_tid) return -EINVAL;
  if (r.flags & CLONE_PIDFD && !in_arena(r.pidfd, 4)) return -EFAULT;
  if (r.flags & kNamespaces) return -EPERM;
  // A process with a VM of its own in a shared descriptor table could not end: the table would keep the VM, and
  // KVM's worker thread in the process with it.
  if (r.flags & CLONE_FILES && !(r.flags & CLONE_VM)) return -EINVAL;
  if (r.flags & CLONE_SETTLS && r.tls >= kTaskSizeMax) return -EPERM;
  return r.flags & CLONE_VM ? share_memory(t, r) : copy_memory(t, r);
}

}  // namespace

i64 sys_clone(Thread& t, const Call& call) {
  const u64 flags = call.arg[0] & 0xffffffff;
  Request r = {flags & ~u64{CSIGNAL}, flags & CSIGNAL, call.arg[2], call.arg[3],
               call.arg[2],           call.arg[1],     call.arg[4]};
  if (r.flags & CLONE_PIDFD && r.flags & (CLONE_PARENT_SETTID | CLONE_DETACHED)) return -EINVAL;
  return make(t, r);
}

i64 sys_clone3(Thread& t, const Call& call) {
  const u64 size = call.arg[1];
  if (size < CLONE_ARGS_SIZE_VER0) return -EINVAL;
  if (size > kPageSize) return -E2BIG;
  clone_args a = {};
  if (copy_from_guest(&a, call.arg[0], min<u64>(size, sizeof a)) < 0) return -EFAULT;
  for (u64 i = sizeof a; i < size; i++) {
    u8 byte;
    if (read_guest(byte, call.arg[0] + i) < 0) return -EFAULT;
    if (byte) return -E2BIG;
  }
  constexpr u64 kMostTids = 32;  // MAX_PID_NS_LEVEL
  if (a.set_tid_size > kMostTids || (a.set_tid == 0) != (a.set_tid_size == 0)) return -EINVAL;
  if (a.exit_signal > kSignals) return -EINVAL;
  if (a.flags & CLONE_INTO_CGROUP && (a.cgroup > kMaxInt || size < CLONE_ARGS_SIZE_VER2)) return -EINVAL;
  i32 tids[kMostTids];
  if (copy_from_guest(tids, a.set_tid, a.set_tid_size * sizeof(i32)) < 0) return -EFAULT;
  if (a.flags & ~((u64{1} << 34) - 1) || a.flags & (CLONE_DETACHED | (CSIGNAL & ~u64{CLONE_NEWTIME})))
    return -EINVAL;
  if (a.flags & (CLONE_THREAD | CLONE_PARENT) && a.exit_signal) return -EINVAL;
  if ((a.stack == 0) != (a.stack_size == 0)) return -EINVAL;
  if (a.stack && !in_arena(a.stack, a.stack_size)) return -EINVAL;
  for (u64 i = 0; i < a.set_tid_size; i++) {
    if (tids[i] < 1 || tids[i] >= kMostProcesses) return -EINVAL;
  }
  if (a.set_tid || a.flags & (CLONE_INTO_CGROUP | CLONE_NEWTIME)) return -EPERM;
  const Request r = {a.flags,     a.exit_signal, a.pidfd,
                     a.child_tid, a.parent_tid,  a.stack ? a.stack + a.stack_size : 0,
                     a.tls};
  return make(t, r);
}

i64 sys_fork(Thread& t, const Call&) {
  constexpr u64 kChild = 17;  // SIGCHLD
  return make(t, Request{0, kChild, 0, 0, 0, 0, 0});
}

i64 sys_vfork(Thread& t, const Call&) {
  constexpr u64 kChild = 17;
  return make(t, Request{CLONE_VM | CLONE_VFORK, kChild, 0, 0, 0, 0, 0});
}

}  // namespace barchan
