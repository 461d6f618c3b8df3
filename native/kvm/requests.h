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

}  // namespace barchan::kvm

#endif
