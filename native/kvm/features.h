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

// What a process hands on to the program that it becomes, since reading it takes long where a hypervisor answers each CPUID.
struct FeaturesCopy {
  static constexpr u32 kCapacity = 124;
  struct Entry {
    u32 function, index, flags, eax, ebx, ecx, edx;
  };
  u64 xcr0, xsave_size, cr4;
  u32 physical_bits, compacts;
  u32 count;  // of the entries; 0: they did not fit, and nothing else is set
  Entry entries[kCapacity];
};

// Reads them with the open /dev/kvm. 0 or -errno.
i64 read_features(int kvm_fd);
void copy_features(FeaturesCopy& copy);
// In place of read_features(). False, and nothing done, when there are none in it.
bool adopt_features(const FeaturesCopy& copy);
const Features& features();
inline u32 physical_bits() { return features().physical_bits; }

}  // namespace barchan::kvm

#endif
