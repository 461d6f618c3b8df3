// Threads, their monitor stacks and vCPUs. vCPUs live as long as their VM, so both are kept and used again.
#include "monitor/thread.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/mman.h>

#include "host/lock.h"
#include "host/string.h"
#include "host/syscall.h"
#include "kvm/vm.h"
#include "monitor/answers/answers.h"
#include "monitor/counters.h"
#include "monitor/debug/debug.h"
#include "monitor/entry.h"
#include "monitor/events/events.h"
#include "monitor/exec.h"
#include "monitor/fds.h"
#include "monitor/mm/mm.h"
#include "monitor/report.h"
#include "monitor/ring/ring.h"
#include "monitor/robust_list.h"
#include "monitor/signal/signal.h"
#include "monitor/syscalls/proc_mem.h"
#include "monitor/thread_pool.h"

namespace barchan {
namespace {

// One block per thread: a guard page, the monitor stack, and the Thread above it.
constexpr u64 kStackSize = 64 << 10;
constexpr u64 kStackEnd = kPageSize + kStackSize;
constexpr u64 kBlockSize = kStackEnd + page_up(sizeof(Thread));
constexpr u32 kMaxThreads = 4096;

enum : u32 { kFree = 0, kUsed = 1 };

struct Block {
  u8* memory;
  u32 state;  // kFree is stored by a leaving thread as the last thing before exit(2)
};

Block blocks[kMaxThreads];
u32 block_count;
kvm::Vcpu vcpus[kMaxThreads];  // by id
// By id: the descriptor table that the vCPU's number was made in. Who shares this memory, though not the table, cannot use
// what was made elsewhere since the tables parted.
u32 vcpu_table[kMaxThreads];
constexpr u32 kFirstTable = 1;
u32 last_table = kFirstTable;
kvm::Vcpu* idle_vcpus;
host::Mutex pool_lock;
bool shares_memory;  // some process was made that shares this memory; long before that, current() works
// The status of a process whose threads end one by one is its leader's.
bool leader_left;
int leader_status;

Thread* thread_of(const Block& b) { return reinterpret_cast<Thread*>(b.memory + kStackEnd); }

Block& block_of(const Thread& t) {
  for (u32 i = 0; i < block_count; i++)
    if (thread_of(blocks[i]) == &t) return blocks[i];
  monitor_crash("thread without a block");
}

// A holder of another process may be killed; each step under the lock leaves the pool usable.
void lock_pool() { pool_lock.lock(thread_lock_token(), thread_is_gone); }
class PoolGuard {
 public:
  PoolGuard() { lock_pool(); }
  ~PoolGuard() { pool_lock.unlock(); }
  PoolGuard(const PoolGuard&) = delete;
  PoolGuard& operator=(const PoolGuard&) = delete;
};

// Pre: pool_lock. A zeroed Thread in a block of its own, or null.
Thread* take_block() {
  for (u32 i = 0; i < kMaxThreads; i++) {
    Block& b = blocks[i];
    if (__atomic_load_n(&b.state, __ATOMIC_ACQUIRE) != kFree) continue;
    if (!b.memory) {
      const i64 memory = host::call(__NR_mmap, 0, kBlockSize, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (host::is_error(memory)) return nullptr;
      b.memory = reinterpret_cast<u8*>(memory);
      host::call(__NR_mprotect, memory, kPageSize, PROT_NONE);
    }
    if (i >= block_count) block_count = i + 1;
    b.state = kUsed;
    Thread* t = thread_of(b);
    *t = {};
    t->self = t;
    t->lock_token = i + 1;
    return t;
  }
  return nullptr;
}

bool can_use(const kvm::Vcpu& v, const Thread& maker) {
  const u32 owner = vcpu_table[v.id];
  return owner == maker.table || (owner == maker.parent_table && v.id < maker.inherited_vcpus);
}

// Pre: pool_lock. A vCPU that does not run, or a new one with a private descriptor; null when there is none. `maker`: the
// calling thread.
kvm::Vcpu* take_vcpu(const Thread& maker, i64& error) {
  for (kvm::Vcpu** link = &idle_vcpus; *link; link = &(*link)->next) {
    kvm::Vcpu* v = *link;
    if (!can_use(*v, maker)) continue;
    *link = v->next;
    return v;
  }
  kvm::Vm& vm = mm::vm();
  for (;; vm.vcpus++) {
    const u32 id = vm.vcpus;
    error = -EAGAIN;
    if (id >= kMaxThreads) return nullptr;
    u64 va;
    u8* page = mm::vcpu_page(id, va);
    if (!page) return nullptr;
    kvm::Vcpu& v = vcpus[id];
    v = {};
    vcpu_table[id] = maker.table;
    const bool locks = !maker.own_table;
    if (locks) fd_lock.lock();
    error = kvm::vcpu_create(vm, v, page, va);
    if (error >= 0) {
      error = fd_hide(v.fd);
      v.fd = static_cast<int>(error);
    }
    if (locks) fd_lock.unlock();
    // Made by a process that shares this memory and was killed before it had counted it.
    if (error == -EEXIST) continue;
    return error < 0 ? nullptr : &v;
  }
}

void give_vcpu(kvm::Vcpu* v) {
  v->run->immediate_exit = 0;
  v->next = idle_vcpus;
  idle_vcpus = v;
}

bool has_died(const Thread& t) {
  return __atomic_load_n(&t.tombstone.word, __ATOMIC_ACQUIRE) & FUTEX_OWNER_DIED;
}

// Pre: pool_lock. A process that shared this memory is gone, or has other memory: nobody waits for its own children any
// more. The vCPUs that only its table has stay unused (it takes a vfork child that makes threads or processes to lose one).
void forget_process(i32 process) {
  for (u32 i = 0; i < block_count; i++) {
    Thread& t = *thread_of(blocks[i]);
    if (blocks[i].state == kUsed && t.vforked && t.parent_process == process) t.awaited = false;
  }
}

// Pre: pool_lock. Takes back what threads of processes that share this memory left, once they are gone.
void clear_graves() {
  for (u32 i = 0; i < block_count; i++) {
    Block& b = blocks[i];
    if (b.state != kUsed) continue;
    Thread& t = *thread_of(b);
    if (t.awaited || !has_died(t)) continue;
    mm::abandon(t.lock_token);
    exec_release_memory(t);
    signals_release_table(t);
    give_vcpu(t.vcpu);
    if (t.leads_process) forget_process(tid_of(t));
    b.state = kFree;
  }
}

// Pre: pool_lock.
bool is_last(const Thread& t) {
  for (u32 i = 0; i < block_count; i++) {
    if (__atomic_load_n(&blocks[i].state, __ATOMIC_ACQUIRE) != kUsed) continue;
    const Thread& other = *thread_of(blocks[i]);
    if (&other != &t && !other.leaving && !other.vforked) return false;
  }
  return true;
}

}  // namespace

// exit_x86_64.S: stores kFree to `state`, then exit(status), without touching the stack.
extern "C" [[noreturn]] void barchan_leave(u32* state, int status);

Thread* thread_first() {
  Thread* t = take_block();
  if (!t) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "first thread", nullptr, 125);
  i64 error = 0;
  t->table = kFirstTable;
  t->vcpu = take_vcpu(*t, error);
  if (!t->vcpu) fail_kvm(-error, "KVM_CREATE_VCPU");
  mm::learn_entry_mode(*t->vcpu);
  entry_start(*t, 0, 0);
  t->tid_cookie = static_cast<i32>(host::call(__NR_gettid)) ^ kTidCookie;
  host::call(__NR_arch_prctl, ARCH_SET_FS, t);
  return t;
}

Thread* thread_create(const Thread& parent) {
  kvm::XsaveArea state;
  u64 fs, gs;
  if (kvm::get_xsave(*parent.vcpu, state) < 0 || kvm::get_segment_bases(*parent.vcpu, fs, gs) < 0)
    return nullptr;
  PoolGuard guard;
  clear_graves();
  Thread* t = take_block();
  if (!t) return nullptr;
  i64 error = 0;
  t->vcpu = take_vcpu(parent, error);
  if (!t->vcpu) {
    block_of(*t).state = kFree;
    return nullptr;
  }
  answers::vcpu_taken(t->vcpu->id);
  t->user = parent.user;
  t->mask = parent.mask;
  t->altstack = parent.altstack;
  t->signals = parent.signals;
  t->seccomp_filters = parent.seccomp_filters;
  t->seccomp_mode = parent.seccomp_mode;
  t->no_ring = parent.no_ring;
  debug::thread_created(*t);
  entry_start(*t, fs, gs);
  kvm::set_xsave(*t->vcpu, state);
  return t;
}

void thread_discard(Thread* t) {
  PoolGuard guard;
  if (t->leads_process) forget_process(tid_of(*t));
  if (t->vforked) mm::abandon(t->lock_token);
  give_vcpu(t->vcpu);
  __atomic_store_n(&block_of(*t).state, kFree, __ATOMIC_RELEASE);
}

void thread_join_process(Thread& child, bool leads_process, const Thread& parent) {
  if (leads_process) shares_memory = true;
  child.leads_process = leads_process;
  child.parent_process = leads_process ? static_cast<i32>(host::call(__NR_getpid)) : parent.parent_process;
}

void thread_share_table(Thread& child, const Thread& parent) {
  child.table = parent.table;
  child.parent_table = parent.parent_table;
  child.inherited_vcpus = parent.inherited_vcpus;
}

void thread_copy_table(Thread& t, const Thread& parent) {
  t.parent_table = parent.table;
  t.inherited_vcpus = mm::vm().vcpus;
  t.table = __atomic_add_fetch(&last_table, 1, __ATOMIC_RELAXED);
}

bool thread_is_alone(const Thread& t) {
  PoolGuard guard;
  clear_graves();
  for (u32 i = 0; i < block_count; i++) {
    if (__atomic_load_n(&blocks[i].state, __ATOMIC_ACQUIRE) != kUsed) continue;
    const Thread& other = *thread_of(blocks[i]);
    if (&other != &t && !other.leaving) return false;
  }
  return true;
}

bool thread_shares_memory() { return shares_memory; }

u32 thread_lock_token() { return shares_memory && current().vforked ? current().lock_token : 0; }

bool thread_is_gone(u32 token) {
  const Block& b = blocks[token - 1];
  return __atomic_load_n(&b.state, __ATOMIC_ACQUIRE) == kUsed && has_died(*thread_of(b));
}

void thread_mark_grave(Thread& t) {
  Tombstone& stone = t.tombstone;
  // The entry's only field is the way back to the head.
  stone.next = reinterpret_cast<const Tombstone*>(&stone.entry);
  stone.entry = &stone;
  stone.offset = offsetof(Tombstone, word) - offsetof(Tombstone, entry);
  stone.pending = nullptr;
  __atomic_store_n(&stone.word, static_cast<u32>(tid_of(t)), __ATOMIC_RELEASE);
  host::call(__NR_set_robust_list, &stone, kRobustHeadSize);
}

u64 thread_stack_top(const Thread& t) { return reinterpret_cast<u64>(&t) & ~u64{15}; }

// Without the lock, which a thread that is killed may hold: at worst a slot has two owners for a moment.
void thread_release_counters(Thread& t) {
  counters::release(t);
  for (u32 i = 0; !t.vforked && i < block_count; i++) {
    if (__atomic_load_n(&blocks[i].state, __ATOMIC_ACQUIRE) != kUsed) continue;
    Thread& other = *thread_of(blocks[i]);
    if (&other != &t && !other.vforked && other.counters) counters::release(other);
  }
}

void thread_exit(Thread& t, int status) {
  // From here on no handler may run: it would use the stack that is about to be given away.
  const u64 all = ~u64{0};
  host::call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, nullptr, sizeof all);
  signals_thread_exit(t);
  ring::thread_exit(t);
  // Its block and vCPU are others' to give back: the parent's when it wakes up, or whoever finds the tombstone.
  static u32 nowhere;
  counters::release(t);
  if (t.vforked && t.leads_process) events::exited(status, 0);
  if (t.vforked) barchan_leave(&nowhere, status);
  lock_pool();
  t.leaving = true;
  if (tid_of(t) == host::call(__NR_getpid)) {
    leader_left = true;
    leader_status = status;
  }
  if (is_last(t)) {
    pool_lock.unlock();  // processes that share this memory may go on
    events::exited(leader_left ? leader_status : status, 0);
    for (;;) host::call(__NR_exit_group, leader_left ? leader_status : status);
  }
  signals_release_table(t);
  give_vcpu(t.vcpu);
  Block& block = block_of(t);
  pool_lock.unlock();
  barchan_leave(&block.state, status);
}

void pool_lock_for_fork() { lock_pool(); }
void pool_unlock_after_fork_parent() { pool_lock.unlock(); }

void pool_drop_after_fork_child(Thread& t) {
  pool_lock.reset();
  fd_lock.reset();
  const kvm::Vm& vm = mm::vm();
  for (u32 i = 0; i < vm.vcpus; i++) {
    if (vcpus[i].run) host::call(__NR_munmap, vcpus[i].run, vm.run_size);
  }
  files::proc_mem_fork_child();
  idle_vcpus = nullptr;
  leader_left = false;
  last_table = t.table = kFirstTable;
  t.parent_table = 0;
  bool was_alone = true;
  for (u32 i = 0; i < block_count; i++) {
    if (thread_of(blocks[i]) == &t) continue;
    if (blocks[i].state != kFree) was_alone = false;
    blocks[i].state = kFree;
  }
  fds_fork_child(was_alone);
}

void pool_visit(void (*visit)(Thread& t, void* context), void* context) {
  PoolGuard guard;
  for (u32 i = 0; i < block_count; i++)
    if (__atomic_load_n(&blocks[i].state, __ATOMIC_ACQUIRE) == kUsed) visit(*thread_of(blocks[i]), context);
}

bool pool_is_last(const Thread& t) {
  if (t.vforked) return true;
  PoolGuard guard;
  return is_last(t);
}

void pool_adopt(Thread& t) {
  i64 error = 0;
  t.vcpu = take_vcpu(t, error);
  if (!t.vcpu) monitor_crash("KVM_CREATE_VCPU after fork", static_cast<u64>(-error));
}

}  // namespace barchan
