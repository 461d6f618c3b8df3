// Purpose: one KVM virtual machine: creation, memslots, vCPU creation, the processor state that all
//          vCPUs share.
// Owner:   kvm. Knows nothing of Linux guests. Threads: callers serialise creation and slot changes.
#ifndef BARCHAN_KVM_VM_H
#define BARCHAN_KVM_VM_H

#include "kvm/vcpu.h"

namespace barchan::kvm {

// How SYSCALL reaches LSTAR (learned by self-test, entry_mode.cc).
enum class EntryMode : u32 {
  kUnknown,
  kSupervisor,  // CPL 0, as the SDM says: VT-x, SVM
  kUser,        // CPL stays 3: some nested software KVMs
};

struct Vm {
  int kvm_fd = -1;
  int fd = -1;
  u64 run_size = 0;  // bytes to map per vCPU
  u32 vcpus = 0;     // created so far = next id
  u32 max_vcpus = 0;
  u64 root = 0;  // guest-physical address of the top page table (CR3)
  EntryMode entry_mode = EntryMode::kUnknown;
  bool ring_port = false;  // an OUT to the ring's port leaves the guest from ring 3
  // KVM finishes an IN with what vcpu_finish_in() gave it, and drops it where RIP has changed. So a call's result need not go
  // by the registers, after which KVM looks for interrupts as well.
  bool results_by_in = false;
};

// KVM_CREATE_VM. 0 or -errno; sets fd (the lowest free number: the caller hides it), run_size, max_vcpus.
i64 vm_create(Vm& vm, int kvm_fd);

// KVM_SET_USER_MEMORY_REGION; `size` 0 deletes. Addresses and size in bytes, page-aligned.
i64 set_memslot(Vm& vm, u32 slot, u64 guest_physical, u64 size, const void* host);

// Creates a vCPU and puts everything in place that does not depend on the guest program: CPUID, XCR0,
// MSRs, TSC offset 0, control registers, descriptor tables. `page` is its zeroed vCPU page, visible to
// the guest at `page_va`. Fills `vcpu`; vcpu.fd is the lowest free number: the caller hides it. 0 or -errno.
i64 vcpu_create(Vm& vm, Vcpu& vcpu, u8* page, u64 page_va);

// Puts the vCPU in ring 3 at `rip` with flat user segments. General registers are the caller's, through
// regs() and regs_dirty().
i64 vcpu_enter_user(Vm& vm, Vcpu& vcpu, u64 fs_base, u64 gs_base);

// Entry mode `user`: system calls enter on the user-code page, and their OUT runs in ring 3, so the port has to be open
// there (SDM vol. 1, 19.5.2). An OUT by the guest itself is told from it by its address. 0 or -errno.
i64 vcpu_enter_calls_in_ring3(Vcpu& vcpu);

// Whether ring 3 may use `count` ports from `first` on (TSS bitmap).
void vcpu_allow_ports(Vcpu& vcpu, u32 first, u32 count, bool allowed);

// The raw ioctl, for KVM_RUN through host::interruptible.
constexpr u64 kRunRequest = 0xae80;

// KVM_RUN said EAGAIN: KVM cannot start the worker thread of the VM, which counts with the user's processes
// (RLIMIT_NPROC, pids.max). Waits a moment and returns true, or false when that has gone on for two seconds.
// `times` begins at 0.
bool run_may_be_retried(u32& times);

// Learns entry mode and ring port with a vCPU that has not run yet: `selftest_va` is a user-executable page that
// holds barchan_gate_selftest; the gate page must be supervisor-only. Sets vm.entry_mode, vm.ring_port and
// vm.results_by_in. 0 or -errno;
// -ENOTRECOVERABLE when SYSCALL does neither, with the exit in `detail`.
i64 learn_entry_mode(Vm& vm, Vcpu& vcpu, u64 selftest_va, u64& detail);
const char* entry_mode_name(EntryMode mode);

}  // namespace barchan::kvm

#endif
