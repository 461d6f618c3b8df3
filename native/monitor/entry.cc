#include "monitor/entry.h"

#include "abi/counters.h"
#include "abi/layout.h"
#include "guest/gate.h"
#include "host/string.h"
#include "host/uaccess.h"
#include "kvm/vm.h"
#include "monitor/mm/mm.h"
#include "monitor/report.h"

namespace barchan {
namespace {

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
        r.rax = t.user.rax;
        t.vcpu->regs_dirty();
      }
      break;
    case Position::kException:
      if (t.user_changed) put_frame(t);
      break;
  }
  t.user_changed = false;
}

// KVM_RUN ended for a signal. The vCPU may stand in the gate: entries run on to their `out` (every signal is
// blocked by now and they are a few instructions), returns are completed by hand.
// Returns true when the entry has to run on.
bool take_interrupted(Thread& t) {
  const kvm_regs& r = t.vcpu->regs();
  if (!gate::contains(r.rip)) {
    take_registers(t, r);
    t.position = Position::kRing3;
    return false;
  }
  if (r.rip == gate::sysret_va()) {
    take_syscall(t);
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

}  // namespace

void entry_start(Thread& t, u64 fs_base, u64 gs_base) {
  const i64 result = kvm::vcpu_enter_user(mm::vm(), *t.vcpu, fs_base, gs_base);
  if (result < 0) monitor_crash("KVM_SET_SREGS", static_cast<u64>(-result));
  t.position = Position::kRing3;
  t.user_changed = true;
}

Event entry_run(Thread& t, Exception& exception) {
  kvm_run& run = *t.vcpu->run;
  put_user(t);
  bool finishing = false;
  u32 refused = 0;
  for (;;) {
    i64 result = finishing ? host::call(__NR_ioctl, t.vcpu->fd, kvm::kRunRequest, 0)
                           : host::interruptible(&t.pending, __NR_ioctl, t.vcpu->fd, kvm::kRunRequest, 0);
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
        if (run.io.port == BARCHAN_PORT_SYSCALL) {
          take_syscall(t);
          return Event::kSystemCall;
        }
        if (run.io.port == BARCHAN_PORT_EXCEPTION) {
          gate::Frame& f = frame_of(t);
          if (f.cs != BARCHAN_USER_CS) {
            // A single-step trap carried over from ring 3 to the gate's first instruction (MOV SS before
            // SYSCALL, SDM vol. 3A, 6.8.3) is not for the guest: the gate goes on without TF.
            if (f.vector != 1) monitor_crash("exception in ring 0", f.vector, f.rip);
            f.rflags &= ~u64{0x100};
            continue;
          }
          take_frame(t);
          exception = {f.vector, f.error, f.cr2};
          if (enters_at_user_level()) correct_exception(t, exception);
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
