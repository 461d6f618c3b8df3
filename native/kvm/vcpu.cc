#include "kvm/vcpu.h"

#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time_types.h>

#include "abi/layout.h"
#include "guest/gate.h"
#include "host/string.h"
#include "host/syscall.h"
#include "kvm/features.h"
#include "kvm/requests.h"
#include "kvm/vm.h"

namespace barchan::kvm {
namespace {

constexpr u32 kMsrStar = 0xc0000081, kMsrLstar = 0xc0000082, kMsrSfmask = 0xc0000084, kMsrFsBase = 0xc0000100,
              kMsrGsBase = 0xc0000101;
constexpr u64 kCr0 = 0x80050033;  // PG AM WP NE ET MP PE
constexpr u64 kEfer = 0xd01;      // NXE LMA LME SCE
// TF, IF, DF, NT, AC: as DESIGN demands; RF and IOPL too, so ring 0 starts from a known state.
constexpr u64 kSfmask = 0x47700 | 1 << 16;

// struct kvm_msrs with room for what is needed here.
struct Msrs {
  u32 count, padding;
  kvm_msr_entry entries[4];
};

i64 set_msrs(Vcpu& vcpu, const kvm_msr_entry* entries, u32 count) {
  Msrs msrs = {};
  msrs.count = count;
  for (u32 i = 0; i < count; i++) msrs.entries[i] = entries[i];
  const i64 done = host::call(__NR_ioctl, vcpu.fd, kSetMsrs, &msrs);
  if (done < 0) return done;
  return done == count ? 0 : -EINVAL;
}

kvm_msr_entry msr(u32 index, u64 value) {
  kvm_msr_entry e = {};
  e.index = index;
  e.data = value;
  return e;
}

// GDT, TSS with an I/O bitmap that forbids every port in ring 3, ring-0 stack.
void fill_page(Vcpu& vcpu) {
  auto* gdt = reinterpret_cast<u64*>(vcpu.page + BARCHAN_VCPU_GDT);
  gdt[BARCHAN_KERNEL_CS / 8] = 0x00af9b000000ffff;
  gdt[BARCHAN_KERNEL_SS / 8] = 0x00cf93000000ffff;
  gdt[BARCHAN_USER_SS / 8] = 0x00cff3000000ffff;
  gdt[BARCHAN_USER_CS / 8] = 0x00affb000000ffff;  // 0x23, compatibility mode, stays absent: no 32-bit code
  const u64 tss = vcpu.page_va + BARCHAN_VCPU_TSS;
  gdt[BARCHAN_TSS_SELECTOR / 8] =
      BARCHAN_VCPU_TSS_LIMIT | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
  gdt[BARCHAN_TSS_SELECTOR / 8 + 1] = tss >> 32;
  u8* t = vcpu.page + BARCHAN_VCPU_TSS;
  const u64 stack = vcpu.page_va + BARCHAN_VCPU_STACK_TOP;
  memcpy(t + 4, &stack, 8);     // RSP0
  memcpy(t + 0x24, &stack, 8);  // IST1: also exceptions that start in ring 0 find a good stack
  const u16 bitmap = BARCHAN_VCPU_TSS_BITMAP;
  memcpy(t + 0x66, &bitmap, 2);
  memset(t + BARCHAN_VCPU_TSS_BITMAP, 0xff, BARCHAN_VCPU_TSS_LIMIT + 1 - BARCHAN_VCPU_TSS_BITMAP);
}

kvm_segment user_segment(u16 selector, u8 type, bool code) {
  kvm_segment s = {};
  s.selector = selector;
  s.limit = 0xffffffff;
  s.type = type;
  s.present = 1;
  s.dpl = 3;
  s.s = 1;
  s.g = 1;
  s.l = code;
  s.db = !code;
  return s;
}

}  // namespace

void vcpu_allow_ports(Vcpu& vcpu, u32 first, u32 count, bool allowed) {
  u8* bitmap = vcpu.page + BARCHAN_VCPU_TSS + BARCHAN_VCPU_TSS_BITMAP;
  for (u32 port = first; port < first + count; port++) {
    const u8 bit = static_cast<u8>(1 << port % 8);
    bitmap[port / 8] = static_cast<u8>(allowed ? bitmap[port / 8] & ~bit : bitmap[port / 8] | bit);
  }
}

i64 vcpu_enter_calls_in_ring3(Vcpu& vcpu) {
  vcpu_allow_ports(vcpu, BARCHAN_PORT_SYSCALL, 1, true);
  const kvm_msr_entry entry = msr(kMsrLstar, gate::user_syscall_va());
  return set_msrs(vcpu, &entry, 1);
}

bool run_may_be_retried(u32& times) {
  constexpr u32 kPatience = 2000;
  const __kernel_timespec moment = {0, 1000000};
  // Nobody wakes it. The monitor's own filter lets this through whatever the policy, and nanosleep(2) not.
  const u32 word = 0;
  host::call(__NR_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &moment);
  return ++times < kPatience;
}

i64 vcpu_create(Vm& vm, Vcpu& vcpu, u8* page, u64 page_va) {
  if (vm.vcpus >= vm.max_vcpus) return -EAGAIN;
  i64 fd;
  do fd = host::call(__NR_ioctl, vm.fd, KVM_CREATE_VCPU, vm.vcpus);
  while (fd == -EINTR);
  if (fd < 0) return fd;
  vcpu.id = vm.vcpus++;
  vcpu.fd = static_cast<int>(fd);
  vcpu.page = page;
  vcpu.page_va = page_va;
  const i64 run = host::call(__NR_mmap, 0, vm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd, 0);
  if (host::is_error(run)) return run;
  vcpu.run = reinterpret_cast<kvm_run*>(run);
  vcpu.run->kvm_valid_regs = KVM_SYNC_X86_REGS;
  fill_page(vcpu);
  vcpu_allow_ports(vcpu, BARCHAN_PORT_RING, 1, true);

  const Features& f = features();
  // The kernel's struct ends in a flexible array; CpuidTable has the same start.
  i64 result = host::call(__NR_ioctl, vcpu.fd, kSetCpuid2, &f.cpuid);
  if (result < 0) return result;
  kvm_xcrs xcrs = {};
  xcrs.nr_xcrs = 1;
  xcrs.xcrs[0].value = f.xcr0;
  result = host::call(__NR_ioctl, vcpu.fd, KVM_SET_XCRS, &xcrs);
  if (result < 0) return result;
  const kvm_msr_entry msrs[] = {
      msr(kMsrStar, static_cast<u64>(BARCHAN_USER_CS32) << 48 | static_cast<u64>(BARCHAN_KERNEL_CS) << 32),
      msr(kMsrLstar, gate::syscall_va()), msr(kMsrSfmask, kSfmask)};
  result = set_msrs(vcpu, msrs, 3);
  if (result >= 0 && vm.entry_mode == EntryMode::kUser) result = vcpu_enter_calls_in_ring3(vcpu);
  if (result < 0) return result;
  // The guest's TSC is the host's, so that the host's vdso data are right in the guest.
  u64 offset = 0;
  kvm_device_attr attr = {};
  attr.group = KVM_VCPU_TSC_CTRL;
  attr.attr = KVM_VCPU_TSC_OFFSET;
  attr.addr = reinterpret_cast<u64>(&offset);
  result = host::call(__NR_ioctl, vcpu.fd, KVM_SET_DEVICE_ATTR, &attr);
  return result < 0 ? result : 0;
}

i64 vcpu_enter_user(Vm& vm, Vcpu& vcpu, u64 fs_base, u64 gs_base) {
  kvm_sregs s = {};
  s.cr0 = kCr0;
  s.cr3 = vcpu.root ? vcpu.root : vm.root;
  s.cr4 = features().cr4;
  s.efer = kEfer;
  s.apic_base = 0xfee00900;  // reset value (BSP); no APIC is modelled, KVM checks the reserved bits only
  s.cs = user_segment(BARCHAN_USER_CS, 11, true);
  s.ss = user_segment(BARCHAN_USER_SS, 3, false);
  kvm_segment null = {};
  null.unusable = 1;
  s.ds = s.es = s.fs = s.gs = s.ldt = null;
  s.fs.base = fs_base;
  s.gs.base = gs_base;
  s.tr.selector = BARCHAN_TSS_SELECTOR;
  s.tr.base = vcpu.page_va + BARCHAN_VCPU_TSS;
  s.tr.limit = BARCHAN_VCPU_TSS_LIMIT;
  s.tr.type = 11;
  s.tr.present = 1;
  s.gdt.base = vcpu.page_va + BARCHAN_VCPU_GDT;
  s.gdt.limit = BARCHAN_VCPU_GDT_LIMIT;
  s.idt.base = BARCHAN_IDT_VA;
  s.idt.limit = BARCHAN_EXCEPTION_VECTORS * 16 - 1;
  const i64 result = host::call(__NR_ioctl, vcpu.fd, KVM_SET_SREGS, &s);
  return result < 0 ? result : 0;
}

i64 get_segment_bases(Vcpu& vcpu, u64& fs, u64& gs) {
  Msrs msrs = {};
  msrs.count = 2;
  msrs.entries[0].index = kMsrFsBase;
  msrs.entries[1].index = kMsrGsBase;
  const i64 done = host::call(__NR_ioctl, vcpu.fd, kGetMsrs, &msrs);
  if (done != 2) return done < 0 ? done : -EINVAL;
  fs = msrs.entries[0].data;
  gs = msrs.entries[1].data;
  return 0;
}

i64 set_segment_bases(Vcpu& vcpu, const u64* fs, const u64* gs) {
  kvm_msr_entry entries[2];
  u32 count = 0;
  if (fs) entries[count++] = msr(kMsrFsBase, *fs);
  if (gs) entries[count++] = msr(kMsrGsBase, *gs);
  return set_msrs(vcpu, entries, count);
}

i64 get_xsave(Vcpu& vcpu, XsaveArea& area) { return host::call(__NR_ioctl, vcpu.fd, kGetXsave, &area); }

i64 set_xsave(Vcpu& vcpu, const XsaveArea& area) {
  // Header at 512: XSTATE_BV, XCOMP_BV, then 48 reserved bytes (SDM vol. 1, 13.4.2).
  u64 header[8];
  memcpy(header, area.bytes + 512, sizeof header);
  u64 reserved = header[0] & ~features().xcr0;
  for (int i = 1; i < 8; i++) reserved |= header[i];
  u32 mxcsr;
  memcpy(&mxcsr, area.bytes + 24, 4);
  if (reserved || mxcsr & 0xffff0000) return -EINVAL;
  const i64 result = host::call(__NR_ioctl, vcpu.fd, kSetXsave, &area);
  return result < 0 ? result : 0;
}

}  // namespace barchan::kvm
