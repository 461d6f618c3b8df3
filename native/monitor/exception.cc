#include "monitor/exception.h"

#include <asm/siginfo.h>
#include <asm/signal.h>

#include "host/string.h"
#include "host/uaccess.h"
#include "kvm/vcpu.h"
#include "monitor/debug/debug.h"
#include "monitor/mm/mm.h"
#include "monitor/report.h"
#include "monitor/signal/signal.h"
#include "monitor/vsyscall.h"

namespace barchan {
namespace {

// arch/x86/include/asm/trapnr.h names, SDM vol. 3A table 6-1 numbers.
enum Vector : u64 {
  kDivide = 0,
  kDebug = 1,
  kBreakpoint = 3,
  kOverflow = 4,
  kBound = 5,
  kInvalidOpcode = 6,
  kNoDevice = 7,
  kInvalidTss = 10,
  kNotPresent = 11,
  kStack = 12,
  kProtection = 13,
  kPage = 14,
  kX87 = 16,
  kAlignment = 17,
  kSimd = 19,
};

constexpr int kKernel = 0x80;  // SI_KERNEL
constexpr u64 kTrapFlag = 0x100;
constexpr u64 kUserEnd = 0x7ffffffff000;  // TASK_SIZE_MAX with 4-level paging

// #PF error code bits (SDM vol. 3A, 4.7).
constexpr u64 kErrorPresent = 1 << 0, kErrorWrite = 1 << 1, kErrorUser = 1 << 2, kErrorFetch = 1 << 4;

// FPE_* from unmasked exception flags (man 2 sigaction), in Linux's order of preference.
int float_code(u32 raised) {
  if (raised & 1) return FPE_FLTINV;
  if (raised & 4) return FPE_FLTDIV;
  if (raised & 8) return FPE_FLTOVF;
  if (raised & (2 | 16)) return FPE_FLTUND;
  if (raised & 32) return FPE_FLTRES;
  return 0;
}

// Ring 3 has no debug registers here: #DB is either INT1 or a single step. The last step of all is that of the
// instruction which cleared TF, so the flag alone does not tell.
bool is_int1(const Thread& t) {
  constexpr u8 kInt1 = 0xf1;
  if (t.user.rflags & kTrapFlag) return false;
  // INT1 is a trap; some nested KVMs leave RIP on it.
  const u64 places[] = {t.user.rip - 1, t.user.rip};
  for (const u64 at : places) {
    u8 opcode;
    if (read_guest(opcode, at) == 0 && opcode == kInt1) return true;
  }
  return false;
}

void float_fault(Thread& t, const Exception& e) {
  kvm::XsaveArea area;
  if (kvm::get_xsave(*t.vcpu, area) < 0) monitor_crash("KVM_GET_XSAVE");
  u16 control, status;
  u32 mxcsr;
  memcpy(&control, area.bytes, 2);
  memcpy(&status, area.bytes + 2, 2);
  memcpy(&mxcsr, area.bytes + 24, 4);
  const u32 raised = e.vector == kX87 ? status & ~control & 0x3fu : mxcsr & ~(mxcsr >> 7) & 0x3fu;
  signal_fault(t, SIGFPE, float_code(raised), t.user.rip, e.vector, e.error, e.cr2);
}

void page_fault(Thread& t, const Exception& e) {
  if (handle_vsyscall(t, e)) return;
  // What the guest did is the processor's to say. Whether the page was there is the guest's own tables': nested
  // software KVMs tell of their shadow pages instead.
  const u64 access = kErrorUser | (e.error & (kErrorWrite | kErrorFetch));
  // Faults on the gate's own addresses and above the arena are plain SEGV_MAPERR.
  switch (mm::fault(e.cr2, e.error)) {
    case mm::Fault::kRetry: return;
    case mm::Fault::kMapError:
      // Linux says `present` of every address of the kernel's, so as to tell nothing about it.
      return signal_fault(t, SIGSEGV, SEGV_MAPERR, e.cr2, e.vector,
                          e.cr2 >= kUserEnd ? access | kErrorPresent : access, e.cr2);
    case mm::Fault::kAccessError:
      return signal_fault(t, SIGSEGV, SEGV_ACCERR, e.cr2, e.vector,
                          mm::is_present(e.cr2) ? access | kErrorPresent : access, e.cr2);
    case mm::Fault::kTrapped: return debug::trapped(t, e.cr2, e.error);
    case mm::Fault::kBus: return signal_fault(t, SIGBUS, BUS_ADRERR, e.cr2, e.vector, access, e.cr2);
  }
}

}  // namespace

// Signals and codes as arch/x86/kernel/traps.c documents them through sigaction(2).
void handle_exception(Thread& t, const Exception& e) {
  switch (e.vector) {
    case kPage: return page_fault(t, e);
    case kDivide: return signal_fault(t, SIGFPE, FPE_INTDIV, t.user.rip, e.vector, e.error, e.cr2);
    case kDebug:
      return signal_fault(t, SIGTRAP, is_int1(t) ? TRAP_BRKPT : TRAP_TRACE, t.user.rip, e.vector, e.error,
                          e.cr2);
    case kBreakpoint: return signal_fault(t, SIGTRAP, kKernel, 0, e.vector, e.error, e.cr2);
    case kInvalidOpcode: return signal_fault(t, SIGILL, ILL_ILLOPN, t.user.rip, e.vector, e.error, e.cr2);
    case kX87:
    case kSimd: return float_fault(t, e);
    case kAlignment: return signal_fault(t, SIGBUS, BUS_ADRALN, 0, e.vector, e.error, e.cr2);
    case kNotPresent:
    case kStack: return signal_fault(t, SIGBUS, kKernel, 0, e.vector, e.error, e.cr2);
    case kOverflow:
    case kBound:
    case kInvalidTss:
    case kNoDevice:
    case kProtection:
    default: return signal_fault(t, SIGSEGV, kKernel, 0, e.vector, e.error, e.cr2);
  }
}

void handle_missing_page(Thread& t) {
  // Which address it was is not told on older hosts: with the entries gone, the guest faults on it again, with CR2.
  if (mm::drop_failed_pages()) return;
  signal_fault(t, SIGBUS, BUS_ADRERR, 0, kPage, kErrorUser, 0);
}

}  // namespace barchan
