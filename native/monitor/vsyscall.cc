#include "monitor/vsyscall.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>

#include "host/uaccess.h"
#include "monitor/dispatch.h"
#include "monitor/signal/signal.h"

namespace barchan {
namespace {

constexpr u64 kPage = 0xffffffffff600000, kPageEnd = kPage + 0x1000, kUserEnd = 0x7ffffffff000;
constexpr u64 kWrite = 1 << 1, kUser = 1 << 2, kFetch = 1 << 4;  // #PF error code (SDM vol. 3A, 4.7)
constexpr u64 kPageFault = 14;
constexpr int kKernel = 0x80;  // SI_KERNEL

// The pointers that each has, by the size of what is written there.
struct Entry {
  u64 nr;
  u64 size[2];
};
constexpr Entry kEntries[] = {{__NR_gettimeofday, {16, 8}}, {__NR_time, {8, 0}}, {__NR_getcpu, {4, 4}}};

void refuse(Thread& t, const Exception& e) { signal_fault(t, SIGSEGV, kKernel, 0, e.vector, e.error, e.cr2); }

}  // namespace

bool handle_vsyscall(Thread& t, const Exception& e) {
  if (e.cr2 < kPage || e.cr2 >= kPageEnd || t.user.rip != e.cr2 || !(e.error & kFetch)) return false;
  const u64 index = (e.cr2 & 0xc00) >> 10;
  u64 caller;
  if ((e.cr2 & ~u64{0xc00}) != kPage || index >= sizeof kEntries / sizeof *kEntries ||
      read_guest(caller, t.user.rsp) != 0) {
    refuse(t, e);
    return true;
  }
  const Entry& entry = kEntries[index];
  const u64 pointers[] = {t.user.rdi, t.user.rsi};
  for (int i = 0; i < 2; i++) {
    if (pointers[i] <= kUserEnd - entry.size[i]) continue;
    if (entry.size[i] == 0) continue;
    signal_fault(t, SIGSEGV, SEGV_MAPERR, pointers[i], kPageFault, kUser | kWrite, pointers[i]);
    return true;
  }
  const Call call = {entry.nr, {pointers[0], entry.size[1] != 0 ? pointers[1] : 0, 0, 0, 0, 0}};
  const i64 result = dispatch(t, call);
  if (result == -EFAULT) {
    refuse(t, e);
    return true;
  }
  t.user.rax = static_cast<u64>(result);
  t.user.rip = caller;
  t.user.rsp += sizeof caller;
  t.user_changed = true;
  return true;
}

}  // namespace barchan
