// Reading a signal frame back. All of it is GUEST data: it is copied once, and only what user mode may set is
// taken from it.
#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/signal/frame.h"
#include "monitor/signal/internal.h"

namespace barchan::signal {

namespace {

// The flags a program may set by sigreturn: AC, RF, OF, DF, TF, SF, ZF, AF, PF, CF.
constexpr u64 kUserFlags = 0x50dd5;

void take_registers(UserRegisters& r, const sigcontext& c) {
  r.r8 = c.r8;
  r.r9 = c.r9;
  r.r10 = c.r10;
  r.r11 = c.r11;
  r.r12 = c.r12;
  r.r13 = c.r13;
  r.r14 = c.r14;
  r.r15 = c.r15;
  r.rdi = c.rdi;
  r.rsi = c.rsi;
  r.rbp = c.rbp;
  r.rbx = c.rbx;
  r.rdx = c.rdx;
  r.rax = c.rax;
  r.rcx = c.rcx;
  r.rsp = c.rsp;
  r.rip = c.rip;
  r.rflags = (r.rflags & ~kUserFlags) | (c.eflags & kUserFlags);
}

// Whether the area's MXCSR counts. XRSTOR loads it when SSE or AVX is asked for (SDM vol. 1, 13.8.1). Linux then
// sets what was not asked for from its own initial area by a second XRSTOR, and that loads MXCSR again: always
// for SSE; for AVX where that area is in the standard form, which Linux has on processors that cannot compact.
bool takes_mxcsr(u64 wanted) {
  const u64 initialized = kvm::xsave_features() & ~wanted;
  return !(initialized & kFeatureSse) && (!(initialized & kFeatureAvx) || kvm::xsave_compacts());
}

// What XRSTOR would make of the area: components that are not asked for, or not present, are in their initial
// state. False where XRSTOR raises #GP.
bool normalize(kvm::XsaveArea& area, u64 wanted) {
  u64 header[8];
  memcpy(header, area.bytes + kLegacySize, sizeof header);
  if (header[0] & ~kvm::xsave_features()) return false;
  for (int i = 1; i < 8; i++) {
    if (header[i] != 0) return false;
  }
  u32 mxcsr;
  memcpy(&mxcsr, area.bytes + offsetof(_fpstate_64, mxcsr), sizeof mxcsr);
  if (wanted & (kFeatureSse | kFeatureAvx) && mxcsr & kReservedMxcsr) return false;
  const u64 present = header[0] & wanted;
  kvm::XsaveArea initial;
  initial_state(initial);
  constexpr size_t kMxcsr = offsetof(_fpstate_64, mxcsr), kX87 = 32, kXmm = 160, kSse = 256;
  if (!(present & kFeatureX87)) {
    memcpy(area.bytes, initial.bytes, kMxcsr);
    memcpy(area.bytes + kX87, initial.bytes + kX87, kXmm - kX87);
  }
  if (!(present & kFeatureSse)) memset(area.bytes + kXmm, 0, kSse);
  if (!takes_mxcsr(wanted)) memcpy(area.bytes + kMxcsr, &kInitialMxcsr, sizeof kInitialMxcsr);
  memset(area.bytes + kXmm + kSse, 0, kLegacySize - kXmm - kSse);
  header[0] = present | kFeatureX87 | kFeatureSse;
  memcpy(area.bytes + kLegacySize, header, sizeof header);
  return true;
}

// GUEST: `state`, the frame's fpstate pointer. Null means the initial state.
bool restore_state(Thread& t, u64 state) {
  kvm::XsaveArea area;
  initial_state(area);
  if (state == 0) return kvm::set_xsave(*t.vcpu, area) == 0;

  if (state % 16 != 0 || copy_from_guest(area.bytes, state, kLegacySize) != 0) return false;
  _fpx_sw_bytes marks;
  memcpy(&marks, area.bytes + kSoftwareBytes, sizeof marks);
  u64 wanted = kFeatureX87 | kFeatureSse;
  if (marks.magic1 == FP_XSTATE_MAGIC1 && marks.xstate_size >= kHeaderEnd &&
      marks.xstate_size <= kvm::xsave_size() && marks.xstate_size <= marks.extended_size) {
    u32 end;
    if (read_guest(end, state + marks.xstate_size) != 0) return false;
    if (end == FP_XSTATE_MAGIC2) {
      if (state % 64 != 0) return false;
      if (copy_from_guest(area.bytes + kLegacySize, state + kLegacySize, marks.xstate_size - kLegacySize) !=
          0) {
        return false;
      }
      wanted = marks.xfeatures & kvm::xsave_features();
    }
  }
  return normalize(area, wanted) && kvm::set_xsave(*t.vcpu, area) == 0;
}

}  // namespace

bool pop_frame(Thread& t) {
  RtFrame frame;
  const u64 at = t.user.rsp - sizeof frame.restorer;
  // The siginfo part is not read back.
  if (copy_from_guest(&frame, at, offsetof(RtFrame, info)) != 0) return false;
  u64 mask;
  memcpy(&mask, &frame.context.uc_sigmask, sizeof mask);
  set_mask(t, mask);

  // As in Linux, an alternate stack that cannot be put back is left as it is, without a word.
  const stack_t& stack = frame.context.uc_stack;
  change_stack(t, reinterpret_cast<u64>(stack.ss_sp), static_cast<u32>(stack.ss_flags), stack.ss_size,
               t.user.rsp);
  take_registers(t.user, frame.context.uc_mcontext);
  t.user_changed = true;
  return restore_state(t, reinterpret_cast<u64>(frame.context.uc_mcontext.fpstate));
}

}  // namespace barchan::signal
