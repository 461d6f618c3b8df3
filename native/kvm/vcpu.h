// Purpose: one KVM vCPU: creation, registers, FPU state, run. Owns every vCPU ioctl.
// Owner:   kvm. Knows nothing of Linux guests. Threads: a vCPU runs on one host thread at a time.
// Trust:   the kvm_run page is shared with the host kernel only; register values are GUEST values.
#ifndef BARCHAN_KVM_VCPU_H
#define BARCHAN_KVM_VCPU_H

#include <linux/kvm.h>

#include "host/types.h"

namespace barchan::kvm {

struct Vm;

// Large enough for every XSAVE layout without AMX tile data (SDM vol. 1, 13.4), rounded up.
constexpr size_t kXsaveCapacity = 4096;
struct alignas(64) XsaveArea {
  u8 bytes[kXsaveCapacity];
};

struct Vcpu {
  int fd;
  u32 id;
  kvm_run* run;  // mapped, kvm_run + sync regs
  u8* page;      // its vCPU page (GDT, TSS, ring-0 stack) in monitor memory
  u64 page_va;   // the same page in guest virtual memory
  u64 root;      // guest-physical address of its own top page table, or 0: the VM's
  Vcpu* next;    // free list

  kvm_regs& regs() { return run->s.regs.regs; }  // valid after each exit
  void regs_dirty() { run->kvm_dirty_regs |= KVM_SYNC_X86_REGS; }
};

// What the IN of 32 bits by which the vCPU has left the guest is to read, unless its RIP is changed before it runs again.
inline void vcpu_finish_in(Vcpu& vcpu, u32 value) {
  __builtin_memcpy(reinterpret_cast<u8*>(vcpu.run) + vcpu.run->io.data_offset, &value, sizeof value);
}

// Segment bases of the guest: FS and GS (arch_prctl, CLONE_SETTLS). 0 or -errno.
i64 get_segment_bases(Vcpu& vcpu, u64& fs, u64& gs);
i64 set_segment_bases(Vcpu& vcpu, const u64* fs, const u64* gs);  // null: unchanged

// FPU/SSE/AVX state in the uncompacted XSAVE format, as in a Linux signal frame (SDM vol. 1, 13.4.3).
// xsave_size(): bytes in use with the XCR0 the guest has, the 576-byte minimum included.
u64 xsave_size();
u64 xsave_features();   // the guest's XCR0
bool xsave_compacts();  // whether the host's processor has the compacted form (SDM vol. 1, 13.4.3) too
i64 get_xsave(Vcpu& vcpu, XsaveArea& area);
// -EINVAL when the header asks for features the guest has not, or sets reserved bits.
i64 set_xsave(Vcpu& vcpu, const XsaveArea& area);

}  // namespace barchan::kvm

#endif
