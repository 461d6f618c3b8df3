// Purpose: one guest thread: a host thread, its vCPU, its registers as the guest would see them.
// Owner:   monitor. Threads: each Thread belongs to its own host thread; others only read `tid`
//          and kick it.
#ifndef BARCHAN_MONITOR_THREAD_H
#define BARCHAN_MONITOR_THREAD_H

#include "host/interruptible.h"
#include "host/types.h"
#include "kvm/vcpu.h"
#include "monitor/chaos/state.h"
#include "monitor/debug/state.h"
#include "monitor/process.h"

namespace barchan {

enum class Position : u32;

struct SeccompFilter;
namespace abi {
struct CounterSlot;
}
namespace events {
class Calling;
}

namespace ring {
struct Ring;
}

namespace answers {
struct Place;
}
// Of monitor/answers/calls.def.
constexpr size_t kAnsweredCalls = 6;

// The integer registers at the boundary between guest user mode and the kernel, i.e. what struct
// pt_regs is to Linux. Independent of how the vCPU came to the monitor.
struct UserRegisters {
  u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
  u64 r8, r9, r10, r11, r12, r13, r14, r15;
  u64 rip, rflags;
};

// The kernel's siginfo_t: 128 bytes (man 2 sigaction).
struct SignalInfo {
  i32 signo, error, code, pad;
  u64 fields[14];
};
static_assert(sizeof(SignalInfo) == 128);

struct AltStack {
  u64 sp = 0;
  u32 flags = 2;  // SS_DISABLE
  u64 size = 0;
};

// A system call as the guest made it: number and arguments are private copies of the registers. The number is below 2^32.
struct Call {
  u64 nr;
  u64 arg[6];
};

// A robust futex (man 2 get_robust_list) of the monitor's own, which the host marks when the thread is no more, whatever
// ended it, or has other memory after an exec.
struct Tombstone {
  const Tombstone* next;  // the list's head: `entry` below, and from there back here
  i64 offset;             // from an entry to its word
  const void* pending;
  const Tombstone* entry;
  u32 word;  // the thread's id; then FUTEX_OWNER_DIED
};

struct Thread {
  Thread* self;  // at %fs:0
  kvm::Vcpu* vcpu;
  SignalTable* signals;
  UserRegisters user;  // valid while the thread is in the gate
  Position position;   // of the vCPU (monitor/entry.h)
  bool user_changed;   // registers other than rax differ from what the gate's fast return gives back:
                       // resume by a full restore
  i32 tid_cookie;      // thread id ^ kTidCookie: a bare id in memory could be hit by a robust-list walk

  // Signals (monitor/signal/). `pending` is also read by barchan_interruptible.
  volatile u32 pending;  // 1: `captured` holds a signal and the host mask blocks all others
  SignalInfo captured;
  u64 mask;        // the guest's signal mask; the host thread has the same, less SIGSEGV/SIGBUS
  u64 saved_mask;  // mask to put in the next frame when `restore_mask` (sigsuspend, ppoll, ...)
  bool restore_mask;
  AltStack altstack;
  u64 held_faults;          // SIGSEGV/SIGBUS sent by others while the guest blocks them: bit signo-1
  SignalInfo held_info[2];  // [0] SIGSEGV, [1] SIGBUS
  u64 fault_trap, fault_error, fault_address;  // of the last synchronous fault; every later frame shows
                                               // them, as Linux does

  u64 robust_list;      // GUEST: head address, walked at exit by the monitor with checked accesses
  u64 clear_child_tid;  // GUEST: kept for exit; the host kernel has it too
  const SeccompFilter* seccomp_filters;  // newest first, or null (monitor/seccomp.h)
  u32 seccomp_mode;                      // SECCOMP_MODE_*; not 0: calls pass seccomp_allows() first
  abi::CounterSlot* counters;            // this thread's own (monitor/counters.h)
  events::Calling* calling;              // the call being made, while somebody watches (monitor/events/)
  u8 verdict;                            // abi::EventVerdict: what the policy has said to it
  bool leaving;                          // past the point of return in thread_exit()
  bool fixed_layout;                     // personality(2): ADDR_NO_RANDOMIZE
  bool vforked;                          // of a process that shares another's memory and VM
  bool leads_process;                    // vforked: the first thread of that process
  bool
      own_table;  // vforked: the only user of its descriptor table, which needs no lock then: a process that is killed
                  // with a lock held leaves it so for all that share its memory
  u32 holds_table;  // vforked: 1 until it has given up its parent's hold on fd_lock
  bool awaited;     // vforked: its parent sleeps until it is gone, and takes back what it had here
  u32 lock_token;   // of this block, for host::Mutex
  // Its descriptor table, by a number that is never used again, the table that this one was copied from, and how many
  // vCPUs there were then.
  u32 table, parent_table;
  u32 inherited_vcpus;
  i32 parent_process;                 // vforked: the process that made its process
  Tombstone tombstone;                // vforked: tells that it is gone
  u64 exec_memory, exec_memory_size;  // vforked: what a successful exec left mapped in the parent (exec.h)
  u64 stand_in, stand_in_size;        // private copies of what a call reads (monitor/intercept/), or 0

  debug::State debug;  // while the program is debugged (monitor/debug/)

  ring::Ring* ring;  // of its vCPU, or null (monitor/ring/ring.h)
  bool
      no_ring;  // its credentials, descriptors or directories may not be those of the process's other threads
  bool executes;  // no thread of the guest but the executor
  u32 ring_heat;  // calls in a row that came thick
  u64 ring_last;  // when the last one came, in cycles

  const answers::Place* answers;      // of its vCPU, or null (monitor/answers/answers.h)
  u8 answered_calls[kAnsweredCalls];  // how often it has made each, up to what makes it be answered

  chaos::State chaos;  // where faults are injected (monitor/chaos/chaos.h)

  // Makes a host call for the guest: result, or host::kRestart when a signal came first or the kernel
  // wants a restart. A handler returns kRestart as it is; the gate turns it into a restart or EINTR.
  i64 host_call(i64 nr, const u64 (&args)[6]);
  template <typename... Args> i64 host(i64 nr, Args... args) {
    const u64 words[6] = {host::word(args)...};
    return host_call(nr, words);
  }
  // The host blocks them as well while the call lasts, in which the monitor itself cannot fault.
  i64 host_call_refusing_faults(i64 nr, const u64 (&args)[6]);
};

// SIGSEGV and SIGBUS that the guest blocks or ignores: sent ones must not end a call that waits.
inline u64 refused_faults(const Thread& t) {
  constexpr u64 kFaults = u64{1} << (7 - 1) | u64{1} << (11 - 1);
  return (t.mask & kFaults) | __atomic_load_n(&t.signals->ignored_faults, __ATOMIC_RELAXED);
}

inline i64 Thread::host_call(i64 nr, const u64 (&args)[6]) {
  if (refused_faults(*this) != 0) [[unlikely]]
    return host_call_refusing_faults(nr, args);
  return host::barchan_interruptible(nr, args, &pending);
}

constexpr i32 kTidCookie = 0x5bd1e995;
inline i32 tid_of(const Thread& t) { return t.tid_cookie ^ kTidCookie; }

inline Thread& current() {
  Thread* t;
  asm("mov %%fs:0, %0" : "=r"(t));
  return *t;
}

// Creates the Thread and vCPU of the first guest thread of this address space and makes it current
// (sets the host FS base). Never returns null: dies with a report when it cannot.
Thread* thread_first();
// For clone: a Thread with vCPU and monitor stack, not yet running, copied from `parent`. Null when
// no vCPU or memory is to be had (the guest gets EAGAIN).
Thread* thread_create(const Thread& parent);
// Gives back what thread_create took, of a thread that never ran.
void thread_discard(Thread* thread);
// For the child of a thread, before the host makes it: whose process it is, and whose descriptor table.
void thread_join_process(Thread& child, bool leads_process, const Thread& parent);
void thread_share_table(Thread& child, const Thread& parent);
// `t` has a copy of the table of `parent`, who may be itself. Pre: fd_lock shared since before the copy was made, so that no
// vCPU was being created.
void thread_copy_table(Thread& t, const Thread& parent);
// Whether no other thread runs in this memory, be it of this process or of one that shares it.
bool thread_is_alone(const Thread& t);
// Whether processes were made that share this memory; some may still run.
bool thread_shares_memory();
// What host::Mutex asks for: the calling thread's token when its process shares this memory with the one that made it,
// else 0; and whether the thread of such a token is no more.
u32 thread_lock_token();
bool thread_is_gone(u32 token);
// For a thread of a process that shares this memory, in that thread: what it has here is taken back when it is gone.
void thread_mark_grave(Thread& thread);
// Top of the monitor stack of `thread`, 16-aligned.
u64 thread_stack_top(const Thread& thread);
// Gives back what the threads of this process count into, when it is about to end.
void thread_release_counters(Thread& t);
// Leaves the calling thread for good: gives its vCPU and stack back, then exit(2) with `status`.
[[noreturn]] void thread_exit(Thread& t, int status);

// Runs guest code until the process or thread ends. Pre: t.user holds the registers to start with.
[[noreturn]] void run(Thread& t);
// Makes the call in t.user and puts its result into rax. Returns the number for signals_deliver(), -1 when the
// call cannot be restarted (sigreturn gives rax back as it was).
i64 system_call(Thread& t);

}  // namespace barchan

#endif
