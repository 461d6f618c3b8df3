#include "monitor/entry.h"

#include "abi/counters.h"
#include "abi/layout.h"
#include "guest/call_code.h"
#include "guest/gate.h"
#include "host/string.h"
#include "host/uaccess.h"
#include "kvm/vm.h"
#include "monitor/answers/answers.h"
#include "monitor/mm/mm.h"
#include "monitor/mm/sites.h"
#include "monitor/report.h"
#include "monitor/ring/ring.h"

namespace barchan {
namespace {

constexpr u64 kSyscallSize = 2;
constexpr u64 kDebug = 1;               // #DB
constexpr u64 kTrapOrResume = 0x10100;  // TF, RF
// OF, SF, ZF, AF, PF, CF; and what is left of them by XOR of a register with itself.
constexpr u64 kArithmetic = 0x8d5, kZeroParity = 0x44;

gate::Frame& frame_of(Thread& t) {
  return *reinterpret_cast<gate::Frame*>(t.vcpu->page + BARCHAN_VCPU_FRAME);
}

bool enters_at_user_level() { return mm::vm().entry_mode == kvm::EntryMode::kUser; }

void take_registers(Thread& t, const kvm_regs& r) {
  UserRegisters& u = t.user;
  u.rax = r.rax, u.rbx = r.rbx, u.rcx = r.rcx, u.rdx = r.rdx, u.rsi = r.rsi, u.rdi = r.rdi, u.rbp = r.rbp;
  u.r8 = r.r8, u.r9 = r.r9, u.r10 = r.r10, u.r11 = r.r11, u.r12 = r.r12, u.r13 = r.r13, u.r14 = r.r14;
  u.r15 = r.r15, u.rsp = r.rsp, u.rip = r.rip, u.rflags = r.rflags;
}

void put_registers(const UserRegisters& u, kvm_regs& r) {
  r.rax = u.rax, r.rbx = u.rbx, r.rcx = u.rcx, r.rdx = u.rdx, r.rsi = u.rsi, r.rdi = u.rdi, r.rbp = u.rbp;
  r.r8 = u.r8, r.r9 = u.r9, r.r10 = u.r10, r.r11 = u.r11, r.r12 = u.r12, r.r13 = u.r13, r.r14 = u.r14;
  r.r15 = u.r15, r.rsp = u.rsp, r.rip = u.rip, r.rflags = user_flags(u.rflags);
}

void take_syscall(Thread& t) {
  take_registers(t, t.vcpu->regs());
  t.user.rip = t.user.rcx;
  t.user.rflags = t.user.r11;
  t.position = Position::kSyscall;
  // SYSRET cannot give these back (guest/gate.S).
  if (t.user.rflags & kTrapOrResume) t.user_changed = true;
}

u64 sign_extended(u64 half) { return static_cast<u64>(static_cast<i64>(static_cast<i32>(half))); }

// A call that was stopped on its way: t.user, which is behind the SYSCALL, stays so when the call was made, and goes
// back before it otherwise.
void settle(Thread& t, gate::Stage stage) {
  using gate::Stage;
  if (stage == Stage::kLeft || stage == Stage::kLoaded) return;
  if (stage == Stage::kFinished) {
    if (mm::vm().results_by_in) t.user.rax = sign_extended(t.user.rax);
    return;
  }
  t.user_changed = true;
  if (stage == Stage::kKept) {
    t.user.rax = answers::kept(t);
    return;
  }
  if (stage == Stage::kPosted && ring::answered(t, t.user.rax)) return;
  if (stage == Stage::kIndexed) {
    t.user.rax = gate::indexed_number(t.user.rax);
  } else if (stage != Stage::kUnposted) {
    t.user.rax = ring::posted_number(t);
  }
  t.user.rip -= kSyscallSize;
}

// t.user as it is behind the SYSCALL of a patched site, whose code runs in ring 3 and leaves the flags alone.
void come_from_site(Thread& t, u64 back) {
  t.user.rip = t.user.rcx = back;
  t.user.r11 = t.user.rflags;
  t.user_changed = true;
}

// t.user stands in ring 3. In the code that a patched site runs it becomes what it would be at the site.
void leave_site_code(Thread& t) {
  mm::SiteCall site;
  if (mm::site_of(t.user.rip, site)) {
    come_from_site(t, site.back);
    t.user.rax = site.nr;
    if (site.clears_flags) t.user.rflags = t.user.r11 = (t.user.rflags & ~kArithmetic) | kZeroParity;
    return settle(t, gate::Stage::kUnposted);
  }
  const gate::CallCode code = gate::call_code(t.user.rip);
  if (!code.from_site) return;
  come_from_site(t, code.back == gate::Back::kPage  ? ring::return_address(t)
                    : code.back == gate::Back::kR11 ? t.user.r11
                                                    : t.user.rcx);
  settle(t, code.stage);
}

// As above, for the SYSCALL entries. False: the vCPU stands elsewhere.
bool take_stopped_call(Thread& t) {
  const gate::CallCode code = gate::call_code(t.vcpu->regs().rip);
  if (code.stage == gate::Stage::kNone || code.from_site) return false;
  take_syscall(t);
  settle(t, code.stage);
  return true;
}

void take_frame(Thread& t) {
  const gate::Frame& f = frame_of(t);
  take_registers(t, t.vcpu->regs());
  t.user.rip = f.rip;
  t.user.rsp = f.rsp;
  t.user.rflags = f.rflags;
  t.position = Position::kException;
}

// Puts t.user where the gate's IRETQ finds it.
void put_frame(Thread& t) {
  gate::Frame& f = frame_of(t);
  f.rip = t.user.rip;
  f.cs = BARCHAN_USER_CS;
  f.rflags = user_flags(t.user.rflags);
  f.rsp = t.user.rsp;
  f.ss = BARCHAN_USER_SS;
  kvm_regs& r = t.vcpu->regs();
  put_registers(t.user, r);
  r.rip = gate::iret_va();
  r.rsp = t.vcpu->page_va + BARCHAN_VCPU_FRAME;
  r.rflags = 2;
  t.vcpu->regs_dirty();
}

// Software KVMs that enter at user level give #UD for INT n, which is #GP for a vector that ring 3 may not use.
void correct_exception(const Thread& t, Exception& e) {
  u8 opcode;
  constexpr u8 kInt = 0xcd;
  if (e.vector == 6 && read_guest(opcode, t.user.rip) == 0 && opcode == kInt) e = {13, 0, 0};
}

// The result of a call, for a vCPU that stands at or behind the `out` (or `in`) it left by.
void answer(const Thread& t, kvm_regs& r) {
  if (mm::vm().results_by_in && gate::at_out(r.rip, gate::behind_va())) {
    if (r.rip != gate::behind_va() && t.user.rax == sign_extended(t.user.rax))
      return kvm::vcpu_finish_in(*t.vcpu, static_cast<u32>(t.user.rax));
    r.rip = gate::sysret_va();
  }
  r.rax = t.user.rax;
  t.vcpu->regs_dirty();
}

// A RIP above the arena's half would fault in ring 0 or fail VM entry: it becomes an address that faults in
// ring 3 like Linux's would.
constexpr u64 kUnmappedRip = 0x7ffffffff000;

void put_user(Thread& t) {
  if (t.user.rip >= kUnmappedRip) t.user.rip = kUnmappedRip;
  kvm_regs& r = t.vcpu->regs();
  switch (t.position) {
    case Position::kRing3:
      if (!t.user_changed) break;
      put_registers(t.user, r);
      t.vcpu->regs_dirty();
      break;
    case Position::kSyscall:
      if (enters_at_user_level()) {
        put_registers(t.user, r);
        t.vcpu->regs_dirty();
      } else if (t.user_changed) {
        put_frame(t);
      } else {
        answer(t, r);
      }
      break;
    case Position::kException:
      if (t.user_changed) put_frame(t);
      break;
  }
  t.user_changed = false;
}

// KVM_RUN ended for a signal. The vCPU may stand in the gate: exception entries run on to their `out` (every signal is
// blocked by now and they are a few instructions), returns are completed and calls taken back by hand.
// Returns true when the entry has to run on.
bool take_interrupted(Thread& t) {
  const kvm_regs& r = t.vcpu->regs();
  if (take_stopped_call(t)) return false;
  if (!gate::contains(r.rip)) {
    take_registers(t, r);
    t.position = Position::kRing3;
    leave_site_code(t);
    return false;
  }
  const u64 frame = t.vcpu->page_va + BARCHAN_VCPU_FRAME;
  if (r.rip >= gate::iret_va() && r.rip < gate::exception_va(0)) {
    take_frame(t);
    return false;
  }
  // The `jmp` behind an exception stub's `out`: the frame is complete and will be popped.
  if (r.rip >= gate::exception_va(0) && r.rsp == frame && t.position == Position::kException) {
    take_frame(t);
    return false;
  }
  return true;
}

enum class CallExit { kNone, kUnposted, kPosted };

// A system call that left the guest, by the OUT that it left by; t.user becomes what it is behind the call.
CallExit call_exit(Thread& t) {
  const u64 rip = t.vcpu->regs().rip;
  const u32 port = t.vcpu->run->io.port;
  const bool user = enters_at_user_level();
  if (port == BARCHAN_PORT_RING) {
    const bool posted = gate::at_out(rip, gate::user_va_of(barchan_user_ring_late));
    if (!posted && !gate::at_out(rip, gate::user_va_of(barchan_user_ring_out))) return CallExit::kNone;
    take_registers(t, t.vcpu->regs());
    t.position = Position::kRing3;
    come_from_site(t, t.user.rcx);
    return posted ? CallExit::kPosted : CallExit::kUnposted;
  }
  if (port != BARCHAN_PORT_SYSCALL) return CallExit::kNone;
  const u64 unposted = user ? gate::user_va_of(barchan_user_sysret) : gate::behind_va();
  const u64 late = user ? gate::user_va_of(barchan_user_late_sysret) : gate::va_of(barchan_gate_late_sysret);
  const bool posted = gate::at_out(rip, late);
  if (!posted && !gate::at_out(rip, unposted)) return CallExit::kNone;
  take_syscall(t);
  return posted ? CallExit::kPosted : CallExit::kUnposted;
}

}  // namespace

void entry_start(Thread& t, u64 fs_base, u64 gs_base) {
  const i64 result = kvm::vcpu_enter_user(mm::vm(), *t.vcpu, fs_base, gs_base);
  if (result < 0) monitor_crash("KVM_SET_SREGS", static_cast<u64>(-result));
  t.position = Position::kRing3;
  t.user_changed = true;
}

bool entry_own_tables(Thread& t, mm::VcpuPages& pages) {
  u64 fs, gs;
  if (!mm::vcpu_tables(t.vcpu->id, pages)) return false;
  if (t.vcpu->root == pages.root) return true;
  if (kvm::get_segment_bases(*t.vcpu, fs, gs) < 0) return false;
  // A fork's child finds the answers there that its parent's thread had.
  memset(pages.answers, 0, kPageSize);
  t.vcpu->root = pages.root;
  entry_start(t, fs, gs);
  return true;
}

Event entry_run(Thread& t, Exception& exception) {
  kvm_run& run = *t.vcpu->run;
  put_user(t);
  bool finishing = false;
  u32 refused = 0;
  for (;;) {
    ring::enter(t);
    i64 result = finishing ? host::call(__NR_ioctl, t.vcpu->fd, kvm::kRunRequest, 0)
                           : host::interruptible(&t.pending, __NR_ioctl, t.vcpu->fd, kvm::kRunRequest, 0);
    ring::leave(t);
    if (result == host::kRestart) {
      // Not run: t.user still stands, and must go in again after what is done to it now.
      t.user_changed = true;
      return Event::kInterrupted;
    }
    t.counters->exits++;
    if (result == -EAGAIN) {
      if (!kvm::run_may_be_retried(refused)) fail_kvm(EAGAIN, "KVM could not start its worker thread");
      continue;
    }
    if (result == -EINTR) {
      if (take_interrupted(t)) {
        run.immediate_exit = 0;
        finishing = true;
        continue;
      }
      return Event::kInterrupted;
    }
    if (result == -EFAULT || result == -EHWPOISON) {
      if (take_interrupted(t)) monitor_crash("host page failure in the gate", t.vcpu->regs().rip);
      return Event::kNoMemory;
    }
    if (result < 0) monitor_crash("KVM_RUN", static_cast<u64>(-result), t.vcpu->regs().rip);
    switch (run.exit_reason) {
      case KVM_EXIT_IO:
        if (const CallExit exit = call_exit(t); exit != CallExit::kNone) {
          if (exit == CallExit::kUnposted) return Event::kSystemCall;
          u64 made;
          if (ring::answered(t, made)) {
            t.user.rax = made;
            return Event::kAnswered;
          }
          ring::given_up(t);
          return Event::kSystemCall;
        }
        if (!gate::contains(t.vcpu->regs().rip)) {
          // IN or OUT by the guest itself, where the gate's port is open to ring 3: #GP. KVM finishes the
          // instruction on the next KVM_RUN and may write registers then; so it does that first.
          take_registers(t, t.vcpu->regs());
          run.immediate_exit = 1;
          host::call(__NR_ioctl, t.vcpu->fd, kvm::kRunRequest, 0);
          run.immediate_exit = static_cast<u8>(t.pending);
          t.user_changed = true;
          t.position = Position::kRing3;
          exception = {13, 0, 0};
          return Event::kException;
        }
        if (run.io.port == BARCHAN_PORT_EXCEPTION) {
          gate::Frame& f = frame_of(t);
          if (f.cs != BARCHAN_USER_CS) {
            // A single-step trap carried over from ring 3 to the gate's first instruction (MOV SS before
            // SYSCALL, SDM vol. 3A, 6.8.3) is not for the guest: the gate goes on without TF.
            if (f.vector != kDebug) monitor_crash("exception in ring 0", f.vector, f.rip);
            f.rflags &= ~u64{0x100};
            continue;
          }
          take_frame(t);
          exception = {f.vector, f.error, f.cr2};
          if (enters_at_user_level()) correct_exception(t, exception);
          if (f.vector == kDebug) leave_site_code(t);
          return Event::kException;
        }
        monitor_crash("unexpected port", run.io.port, t.vcpu->regs().rip);
      case KVM_EXIT_INTERNAL_ERROR:
        // KVM could not emulate an instruction of the guest: as if the processor did not have it.
        if (!gate::contains(t.vcpu->regs().rip)) {
          take_registers(t, t.vcpu->regs());
          t.position = Position::kRing3;
          exception = {6, 0, 0};
          return Event::kException;
        }
        [[fallthrough]];
      default: monitor_crash("unexpected exit from the VM", run.exit_reason, t.vcpu->regs().rip);
    }
  }
}

}  // namespace barchan
