// Purpose: what the processor and KVM offer, read once per process (fork children inherit it).
// Owner:   kvm. Threads: filled before the second thread exists.
#ifndef BARCHAN_KVM_FEATURES_H
#define BARCHAN_KVM_FEATURES_H

#include <linux/kvm.h>

#include "host/types.h"

namespace barchan::kvm {

constexpr u32 kCpuidCapacity = 256;

struct CpuidTable {
  u32 count, padding;
  kvm_cpuid_entry2 entries[kCpuidCapacity];
};

struct Features {
  CpuidTable cpuid;   // KVM_GET_SUPPORTED_CPUID, less AMX
  u64 xcr0;           // the host's, less AMX tile state (which would need a permission per process)
  u64 xsave_size;     // CPUID.(EAX=0DH,ECX=0):EBX for xcr0
  bool compacts;      // the host's processor has XSAVEC or XSAVES
  u64 cr4;            // what every vCPU runs with
  u32 physical_bits;  // guest-physical address width, 36..52
};

// Reads them with the open /dev/kvm. 0 or -errno.
i64 read_features(int kvm_fd);
const Features& features();
inline u32 physical_bits() { return features().physical_bits; }

}  // namespace barchan::kvm

#endif
