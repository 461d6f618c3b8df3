#include "kvm/features.h"

#include "host/string.h"
#include "host/syscall.h"
#include "kvm/requests.h"
#include "kvm/vcpu.h"

namespace barchan::kvm {
namespace {

Features known;

// CR4 bits (SDM vol. 3A, 2.5).
constexpr u64 kPae = 1 << 5, kOsfxsr = 1 << 9, kOsxmmexcpt = 1 << 10, kUmip = 1 << 11, kFsgsbase = 1 << 16,
              kOsxsave = 1 << 18, kSmep = 1 << 20, kSmap = 1 << 21;

constexpr u64 kXcr0Amx = (1u << 17) | (1u << 18);

kvm_cpuid_entry2* find(u32 function, u32 index) {
  for (u32 i = 0; i < known.cpuid.count; i++) {
    kvm_cpuid_entry2& e = known.cpuid.entries[i];
    if (e.function == function && (!(e.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e.index == index))
      return &e;
  }
  return nullptr;
}

u64 host_xcr0() {
  u32 low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low | static_cast<u64>(high) << 32;
}

// CPUID.(EAX=0DH,ECX=1):EAX, of the processor itself: KVM may leave bits out of what a guest gets.
bool host_compacts() {
  constexpr u32 kXsavec = 1 << 1, kXsaves = 1 << 3;
  u32 eax = 0xd, ecx = 1;
  asm volatile("cpuid" : "+a"(eax), "+c"(ecx) : : "ebx", "edx");
  return eax & (kXsavec | kXsaves);
}

// Bytes of the uncompacted XSAVE area for `xcr0`: the end of its last component (SDM vol. 1, 13.4.3).
u64 area_size(u64 xcr0) {
  u64 size = 576;
  for (u32 component = 2; component < 63; component++) {
    if (!(xcr0 >> component & 1)) continue;
    const kvm_cpuid_entry2* e = find(0xd, component);
    if (e) size = max(size, static_cast<u64>(e->ebx) + e->eax);
  }
  return size;
}

}  // namespace

i64 read_features(int kvm_fd) {
  known.cpuid.count = kCpuidCapacity;
  const i64 result = host::call(__NR_ioctl, kvm_fd, kGetSupportedCpuid, &known.cpuid);
  if (result < 0) return result;

  known.xcr0 = 3;
  if (const kvm_cpuid_entry2* e = find(0xd, 0)) {
    known.xcr0 = host_xcr0() & (e->eax | static_cast<u64>(e->edx) << 32) & ~kXcr0Amx;
    known.compacts = host_compacts();
  }
  if (kvm_cpuid_entry2* e = find(7, 0)) e->edx &= ~(1u << 22 | 1u << 24 | 1u << 25);  // AMX-BF16, TILE, INT8
  if (kvm_cpuid_entry2* e = find(0xd, 0)) {
    e->eax &= static_cast<u32>(known.xcr0);
    e->edx &= static_cast<u32>(known.xcr0 >> 32);
  }
  known.xsave_size = area_size(known.xcr0);
  if (known.xsave_size > kXsaveCapacity) return -E2BIG;

  // The processor's name, which some KVMs leave empty.
  for (u32 leaf = 0x80000002; leaf <= 0x80000004; leaf++) {
    if (kvm_cpuid_entry2* e = find(leaf, 0))
      asm volatile("cpuid" : "=a"(e->eax), "=b"(e->ebx), "=c"(e->ecx), "=d"(e->edx) : "a"(leaf), "c"(0));
  }
  const kvm_cpuid_entry2* sizes = find(0x80000008, 0);
  known.physical_bits = sizes ? sizes->eax & 0xff : 36;

  known.cr4 = kPae | kOsfxsr | kOsxmmexcpt | kOsxsave;
  if (const kvm_cpuid_entry2* e = find(7, 0)) {
    if (e->ebx & 1 << 0) known.cr4 |= kFsgsbase;
    if (e->ebx & 1 << 7) known.cr4 |= kSmep;
    if (e->ebx & 1 << 20) known.cr4 |= kSmap;
    if (e->ecx & 1 << 2) known.cr4 |= kUmip;
  }
  return 0;
}

void copy_features(FeaturesCopy& copy) {
  copy = {};
  if (known.cpuid.count > FeaturesCopy::kCapacity) return;
  copy.xcr0 = known.xcr0;
  copy.xsave_size = known.xsave_size;
  copy.cr4 = known.cr4;
  copy.physical_bits = known.physical_bits;
  copy.compacts = known.compacts;
  copy.count = known.cpuid.count;
  for (u32 i = 0; i < copy.count; i++) {
    const kvm_cpuid_entry2& e = known.cpuid.entries[i];
    copy.entries[i] = {e.function, e.index, e.flags, e.eax, e.ebx, e.ecx, e.edx};
  }
}

bool adopt_features(const FeaturesCopy& copy) {
  if (copy.count == 0 || copy.count > FeaturesCopy::kCapacity || copy.xsave_size > kXsaveCapacity)
    return false;
  known.cpuid.count = copy.count;
  for (u32 i = 0; i < copy.count; i++) {
    const FeaturesCopy::Entry& e = copy.entries[i];
    known.cpuid.entries[i] = {e.function, e.index, e.flags, e.eax, e.ebx, e.ecx, e.edx, {}};
  }
  known.xcr0 = copy.xcr0;
  known.xsave_size = copy.xsave_size;
  known.cr4 = copy.cr4;
  known.physical_bits = copy.physical_bits;
  known.compacts = copy.compacts != 0;
  return true;
}

const Features& features() { return known; }

u64 xsave_size() { return known.xsave_size; }
u64 xsave_features() { return known.xcr0; }
bool xsave_compacts() { return known.compacts; }

}  // namespace barchan::kvm
