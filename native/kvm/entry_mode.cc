// The one place that learns how SYSCALL arrives; monitor/entry.cc is the one that acts on it.
#include "guest/gate.h"
#include "host/interruptible.h"
#include "kvm/vm.h"

namespace barchan::kvm {

namespace {

i64 run_once(Vcpu& vcpu) {
  u32 refused = 0;
  i64 result;
  do result = host::call(__NR_ioctl, vcpu.fd, kRunRequest, 0);
  while (result == -EINTR || (result == -EAGAIN && run_may_be_retried(refused)));
  return result;
}

i64 run_at(Vm& vm, Vcpu& vcpu, u64 rip) {
  i64 result = vcpu_enter_user(vm, vcpu, 0, 0);
  if (result < 0) return result;
  kvm_regs& r = vcpu.regs();
  r = {};
  r.rip = rip;
  r.rflags = 0x202;
  vcpu.regs_dirty();
  return run_once(vcpu);
}

bool left_by(const Vcpu& vcpu, u8 direction) {
  return vcpu.run->exit_reason == KVM_EXIT_IO && vcpu.run->io.port == BARCHAN_PORT_RING &&
         vcpu.run->io.direction == direction;
}

// An IN is finished with the value given, and another one is not where RIP and RAX were changed meanwhile.
bool finishes_in(Vm& vm, Vcpu& vcpu, u64 selftest_va) {
  constexpr u64 kInSize = 2;
  constexpr u32 kShort = 0x80000001;
  constexpr u64 kLong = 0x1122334455667788;
  const u64 in = selftest_va + static_cast<u64>(barchan_gate_selftest_in - barchan_gate_selftest);
  for (u32 round = 0; round < 2; round++) {
    const bool changes = round == 1;
    if (run_at(vm, vcpu, in) < 0 || !left_by(vcpu, KVM_EXIT_IO_IN)) return false;
    if (vcpu.regs().rip != in || vcpu.run->io.size != sizeof kShort) return false;
    vcpu_finish_in(vcpu, kShort);
    if (changes) {
      vcpu.regs().rip = in + kInSize;
      vcpu.regs().rax = kLong;
      vcpu.regs_dirty();
    }
    if (run_once(vcpu) < 0 || !left_by(vcpu, KVM_EXIT_IO_OUT)) return false;
    if (vcpu.regs().rax != (changes ? kLong : kShort)) return false;
  }
  return true;
}

}  // namespace

i64 learn_entry_mode(Vm& vm, Vcpu& vcpu, u64 selftest_va, u64& detail) {
  detail = 0;
  i64 result = run_at(vm, vcpu, selftest_va);
  if (result < 0) return result;
  vm.ring_port = vcpu.run->exit_reason == KVM_EXIT_IO && vcpu.run->io.port == BARCHAN_PORT_RING;
  // Emulators of SVM refuse it (QEMU's wants a TSS that is not busy, which a loaded one always is).
  constexpr u64 kOutSize = 2;
  result = vm.ring_port ? run_once(vcpu) : run_at(vm, vcpu, selftest_va + kOutSize);
  if (result < 0) return result;
  detail = vcpu.run->exit_reason;
  if (vcpu.run->exit_reason != KVM_EXIT_IO) return -ENOTRECOVERABLE;
  if (vcpu.run->io.port == BARCHAN_PORT_SYSCALL) {
    vm.entry_mode = EntryMode::kSupervisor;
    // An IN of four bytes needs the four ports that these have.
    vcpu_allow_ports(vcpu, BARCHAN_PORT_RING + 1, 3, true);
    vm.results_by_in = vm.ring_port && finishes_in(vm, vcpu, selftest_va);
    vcpu_allow_ports(vcpu, BARCHAN_PORT_RING + 1, 3, false);
    return 0;
  }
  // The gate page is supervisor-only: a fetch fault in user mode at LSTAR means that CPL stayed 3.
  const auto* frame = reinterpret_cast<const gate::Frame*>(vcpu.page + BARCHAN_VCPU_FRAME);
  if (vcpu.run->io.port == BARCHAN_PORT_EXCEPTION && frame->vector == 14 &&
      frame->cr2 == gate::syscall_va() && frame->cs == BARCHAN_USER_CS) {
    vm.entry_mode = EntryMode::kUser;
    return vcpu_enter_calls_in_ring3(vcpu);
  }
  detail |= static_cast<u64>(frame->vector) << 32 | 1ull << 63;
  return -ENOTRECOVERABLE;
}

const char* entry_mode_name(EntryMode mode) {
  switch (mode) {
    case EntryMode::kSupervisor: return "supervisor";
    case EntryMode::kUser: return "user";
    case EntryMode::kUnknown: break;
  }
  return "unknown";
}

}  // namespace barchan::kvm
