#include "monitor/mm/write_execute.h"

#include <asm/stat.h>
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/policy.h"

namespace barchan::mm {
namespace {

bool is_both(int prot) { return prot & PROT_WRITE && prot & PROT_EXEC; }

// A memfd, or a file whose last name is gone: what the guest writes there never was a program on a disk.
bool has_no_name(int fd) {
  struct stat status;
  return host::call(__NR_fstat, fd, &status) == 0 && status.st_nlink == 0;
}

}  // namespace

bool may_map(int prot, bool shared, bool anonymous, int fd) {
  if (!policy::forbids_write_execute() || !(prot & PROT_EXEC)) return true;
  if (is_both(prot) || shared) return false;
  return anonymous || !has_no_name(fd);
}

bool may_protect(u8 before, u8 wanted) {
  if (!policy::forbids_write_execute() || !(wanted & PROT_EXEC)) return true;
  return !is_both(wanted) && before & PROT_EXEC;
}

}  // namespace barchan::mm
