#include "monitor/mm/write_execute.h"

#include <asm/stat.h>
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/policy.h"

namespace barchan::mm {
namespace {

// Linux 6.3 and 6.6; not in older headers.
constexpr int kPrGetMdwe = 66;
constexpr u32 kNoInherit = 2;

bool is_both(int prot) { return prot & PROT_WRITE && prot & PROT_EXEC; }

// A memfd, or a file whose last name is gone: what the guest writes there never was a program on a disk.
bool has_no_name(int fd) {
  struct stat status;
  return host::call(__NR_fstat, fd, &status) == 0 && status.st_nlink == 0;
}

}  // namespace

u32 refused_gains;

void start_refusing() {
  const i64 bits = host::call(__NR_prctl, kPrGetMdwe, 0, 0, 0, 0);
  refused_gains = bits > 0 ? static_cast<u32>(bits) : 0;
}

void refuse_in_fork_child() {
  if (refused_gains & kNoInherit) refused_gains = 0;
}

bool may_map(int prot, bool shared, bool anonymous, int fd) {
  if (refused_gains && is_both(prot)) return false;
  if (!policy::forbids_write_execute() || !(prot & PROT_EXEC)) return true;
  if (is_both(prot) || shared) return false;
  return policy::lets_switch_execute() || anonymous || !has_no_name(fd);
}

bool may_protect(u8 before, u8 wanted) {
  if (refused_gains && wanted & PROT_EXEC && (is_both(wanted) || !(before & PROT_EXEC))) return false;
  if (!policy::forbids_write_execute() || !(wanted & PROT_EXEC)) return true;
  return !is_both(wanted) && (before & PROT_EXEC || policy::lets_switch_execute());
}

}  // namespace barchan::mm
