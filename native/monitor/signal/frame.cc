// Writing a signal frame: layout and register values as arch/x86's rt_sigframe has them, which debuggers,
// unwinders and language runtimes read and change.
#include "monitor/signal/frame.h"

#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/mm/mm.h"
#include "monitor/report.h"
#include "monitor/signal/internal.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

namespace barchan::signal {

namespace {

constexpr u64 kRedZone = 128;
constexpr u64 kFlagTf = 1 << 8, kFlagDf = 1 << 10, kFlagRf = 1 << 16;
constexpr u64 kPageFaultWriteUser = 6;  // #PF error code (SDM vol. 3A, 4.7)

// Writes to the guest's stack, which grows for it as for any write below it.
bool write_stack(u64 to, const void* from, size_t size) {
  if (copy_to_guest(to, from, size) == 0) return true;
  if (!in_arena(to, size) || mm::fault(to, kPageFaultWriteUser) != mm::Fault::kRetry) return false;
  return copy_to_guest(to, from, size) == 0;
}

// The FPU's registers with Linux's marks, in `image`; its size in memory is xsave_size() + the last mark.
void save_state(Thread& t, StateImage& image) {
  auto& area = *reinterpret_cast<kvm::XsaveArea*>(&image);
  if (kvm::get_xsave(*t.vcpu, area) < 0) monitor_crash("KVM_GET_XSAVE");
  const u32 size = static_cast<u32>(kvm::xsave_size());

  u64 present;
  memcpy(&present, image.bytes + kLegacySize, sizeof present);
  if (!(present & kFeatureX87)) memcpy(image.bytes, &kInitialFcw, sizeof kInitialFcw);
  present |= kFeatureX87 | kFeatureSse;
  memcpy(image.bytes + kLegacySize, &present, sizeof present);

  _fpx_sw_bytes marks = {};
  marks.magic1 = FP_XSTATE_MAGIC1;
  marks.extended_size = size + FP_XSTATE_MAGIC2_SIZE;
  marks.xfeatures = kvm::xsave_features();
  marks.xstate_size = size;
  memcpy(image.bytes + kSoftwareBytes, &marks, sizeof marks);
  constexpr u32 kEnd = FP_XSTATE_MAGIC2;
  memcpy(image.bytes + size, &kEnd, sizeof kEnd);
}

void reset_state(Thread& t) {
  kvm::XsaveArea area;
  initial_state(area);
  if (kvm::set_xsave(*t.vcpu, area) < 0) monitor_crash("KVM_SET_XSAVE");
}

void fill_context(const Thread& t, u64 state, u64 mask, ucontext& context) {
  const UserRegisters& r = t.user;
  context.uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
  context.uc_stack.ss_sp = reinterpret_cast<void*>(t.altstack.sp);
  context.uc_stack.ss_flags = static_cast<int>(t.altstack.flags);
  context.uc_stack.ss_size = t.altstack.size;
  memcpy(&context.uc_sigmask, &mask, sizeof mask);

  sigcontext& c = context.uc_mcontext;
  c.r8 = r.r8;
  c.r9 = r.r9;
  c.r10 = r.r10;
  c.r11 = r.r11;
  c.r12 = r.r12;
  c.r13 = r.r13;
  c.r14 = r.r14;
  c.r15 = r.r15;
  c.rdi = r.rdi;
  c.rsi = r.rsi;
  c.rbp = r.rbp;
  c.rbx = r.rbx;
  c.rdx = r.rdx;
  c.rax = r.rax;
  c.rcx = r.rcx;
  c.rsp = r.rsp;
  c.rip = r.rip;
  c.eflags = r.rflags;
  c.cs = BARCHAN_USER_CS;
  c.ss = BARCHAN_USER_SS;
  c.err = t.fault_error;
  c.trapno = t.fault_trap;
  c.oldmask = mask;
  c.cr2 = t.fault_address;
  c.fpstate = reinterpret_cast<_fpstate*>(state);
}

}  // namespace

void initial_state(kvm::XsaveArea& area) {
  memset(&area, 0, sizeof area);
  constexpr u64 kPresent = kFeatureX87 | kFeatureSse;
  memcpy(area.bytes, &kInitialFcw, sizeof kInitialFcw);
  memcpy(area.bytes + offsetof(_fpstate_64, mxcsr), &kInitialMxcsr, sizeof kInitialMxcsr);
  memcpy(area.bytes + kLegacySize, &kPresent, sizeof kPresent);
}

FramePlace place_frame(const AltStack& stack, bool wants_stack, u64 rsp, u64 state_size) {
  const bool was_on_stack = on_stack(stack, rsp);
  u64 sp = rsp - kRedZone;
  bool enters = false;
  // sigaltstack(2): a nested handler stays where it is; with SS_AUTODISARM the frame's own switch is always made.
  if (wants_stack && stack.size != 0 && !on_stack(stack, sp)) {
    sp = stack.sp + stack.size;
    enters = true;
  }
  FramePlace place;
  place.state = (sp - state_size) & ~63ull;
  place.frame = ((place.state - sizeof(RtFrame)) & ~15ull) - 8;
  const bool inside = place.frame > stack.sp && place.frame - stack.sp <= stack.size;
  place.overflow = (was_on_stack || enters) && !inside;
  return place;
}

bool push_frame(Thread& t, const GuestAction& action, const SignalInfo& info, u64 mask) {
  // Without a restorer there is nothing for the handler to return to; the x86-64 kernel refuses too.
  if (!(action.flags & SA_RESTORER)) return false;

  StateImage image;
  const u64 state_size = kvm::xsave_size() + FP_XSTATE_MAGIC2_SIZE;
  if (state_size > sizeof image) monitor_crash("XSAVE area too large", state_size);
  const FramePlace place = place_frame(t.altstack, action.flags & SA_ONSTACK, t.user.rsp, state_size);
  if (place.overflow) return false;

  save_state(t, image);
  RtFrame frame = {};
  frame.restorer = action.restorer;
  fill_context(t, place.state, mask, frame.context);
  // Only SA_SIGINFO handlers are shown the siginfo; its bytes stay what they were otherwise.
  const bool shows_info = action.flags & SA_SIGINFO;
  if (shows_info) frame.info = info;
  const size_t frame_size = shows_info ? sizeof frame : offsetof(RtFrame, info);
  if (!write_stack(place.state, image.bytes, state_size) || !write_stack(place.frame, &frame, frame_size)) {
    return false;
  }

  reset_state(t);
  t.user.rdi = static_cast<u64>(info.signo);
  t.user.rsi = place.frame + offsetof(RtFrame, info);
  t.user.rdx = place.frame + offsetof(RtFrame, context);
  t.user.rax = 0;
  t.user.rip = action.handler;
  t.user.rsp = place.frame;
  t.user.rflags &= ~(kFlagDf | kFlagRf | kFlagTf);
  t.user_changed = true;
  if (t.altstack.flags & SS_AUTODISARM) t.altstack = AltStack();
  return true;
}

}  // namespace barchan::signal
