// Purpose: the guest's I/O vectors, copied once and checked, ready for the host kernel.
// Owner:   monitor/syscalls. Threads: any. Trust: everything that is read here is a GUEST value.
#ifndef BARCHAN_MONITOR_SYSCALLS_IOVEC_H
#define BARCHAN_MONITOR_SYSCALLS_IOVEC_H

#include <linux/uio.h>

#include "monitor/scratch.h"

namespace barchan {

// The kernel's MAX_RW_COUNT (include/linux/fs.h): no read or write moves more at once.
constexpr u64 kMaxTransfer = 0x7ffff000;

class IoVector {
 public:
  // Reads `count` entries at `address`. 0, or what Linux gives: -EINVAL (too many, negative length),
  // -EFAULT (unreadable, or a range outside user space), -ENOMEM. The total is cut at kMaxTransfer as the
  // kernel cuts it. A range that leaves the arena becomes one that faults on the host (check.h).
  i64 read(u64 address, u64 count);

  iovec* items() { return items_; }
  u64 count() const { return count_; }
  u64 bytes() const { return bytes_; }
  // Leaves out the first `bytes` of what the vector covers. Pre: bytes <= bytes().
  void advance(u64 bytes);
  // Leaves out all behind the first `bytes`. Pre: bytes <= bytes().
  void keep(u64 bytes);

 private:
  Scratch<64 * sizeof(iovec)> scratch_;
  iovec* items_ = nullptr;
  u64 count_ = 0;
  u64 bytes_ = 0;
};

}  // namespace barchan

#endif
