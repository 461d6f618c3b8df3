// Purpose: ioctl request numbers whose header macros are wrong in C++: they take sizeof a struct that ends in a
//          flexible array declared through an empty struct, which has size 0 in C and 1 in C++.
// Owner:   kvm. Source: <linux/kvm.h> as C sees it; x86-64.
#ifndef BARCHAN_KVM_REQUESTS_H
#define BARCHAN_KVM_REQUESTS_H

#include <linux/kvm.h>

#include "host/types.h"
#include "kvm/vcpu.h"

namespace barchan::kvm {

static_assert(sizeof(XsaveArea) == 4096);
constexpr u32 kGetMsrs = _IOWR(KVMIO, 0x88, u64), kSetMsrs = _IOW(KVMIO, 0x89, u64);
constexpr u32 kGetXsave = _IOR(KVMIO, 0xa4, XsaveArea), kSetXsave = _IOW(KVMIO, 0xa5, XsaveArea);
constexpr u32 kGetSupportedCpuid = _IOWR(KVMIO, 0x05, u64), kSetCpuid2 = _IOW(KVMIO, 0x90, u64);

// All requests that this folder makes of a VM and its vCPUs once they run, and those that make new ones.
constexpr u32 kRunRequests[] = {KVM_RUN,
                                static_cast<u32>(KVM_SET_USER_MEMORY_REGION),
                                kGetXsave,
                                kSetXsave,
                                kGetMsrs,
                                kSetMsrs,
                                static_cast<u32>(KVM_SET_SREGS)};
constexpr u32 kCreateRequests[] = {KVM_CREATE_VM,
                                   KVM_CREATE_VCPU,
                                   KVM_GET_VCPU_MMAP_SIZE,
                                   KVM_CHECK_EXTENSION,
                                   kGetSupportedCpuid,
                                   kSetCpuid2,
                                   static_cast<u32>(KVM_SET_XCRS),
                                   static_cast<u32>(KVM_SET_DEVICE_ATTR)};

}  // namespace barchan::kvm

#endif
