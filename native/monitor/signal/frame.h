// Purpose: the memory layout of a signal frame as Linux x86-64 leaves it on a user's stack.
// Owner:   monitor/signal. Trust: what is read back from such a frame is GUEST data.
#ifndef BARCHAN_MONITOR_SIGNAL_FRAME_H
#define BARCHAN_MONITOR_SIGNAL_FRAME_H

#include <asm/sigcontext.h>
#include <linux/signal.h>

#include <asm/ucontext.h>

#include "kvm/vcpu.h"
#include "monitor/thread.h"

namespace barchan::signal {

struct RtFrame {
  u64 restorer;  // the handler's return address
  ucontext context;
  SignalInfo info;
};
static_assert(offsetof(RtFrame, context.uc_mcontext) == 48);
static_assert(offsetof(RtFrame, context.uc_sigmask) == 304);
static_assert(offsetof(RtFrame, info) == 312 && sizeof(RtFrame) == 440);

// The FPU part: an XSAVE area in uncompacted form (SDM vol. 1, 13.4), whose bytes 464..511 say how much more than
// FXSAVE's 512 bytes there is, and FP_XSTATE_MAGIC2 behind it.
constexpr size_t kSoftwareBytes = offsetof(_fpstate_64, sw_reserved);
static_assert(kSoftwareBytes == 464 && sizeof(_fpx_sw_bytes) == 48);
constexpr size_t kLegacySize = 512;
constexpr size_t kHeaderEnd = 576;  // XSTATE_BV at 512, XCOMP_BV at 520, the rest zero

struct alignas(64) StateImage {
  u8 bytes[kvm::kXsaveCapacity + 64];  // with room for FP_XSTATE_MAGIC2
};

constexpr u64 kFeatureX87 = 1, kFeatureSse = 2, kFeatureAvx = 4;
constexpr u16 kInitialFcw = 0x37f;
constexpr u32 kInitialMxcsr = 0x1f80;
constexpr u32 kReservedMxcsr = 0xffff0000;

// An XSAVE area in the processor's initial state, with the legacy part spelled out.
void initial_state(kvm::XsaveArea& area);

}  // namespace barchan::signal

#endif
