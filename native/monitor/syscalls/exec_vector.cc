#include "monitor/syscalls/exec_vector.h"

#include <asm/errno.h>

#include "host/uaccess.h"

namespace barchan {

i64 copy_exec_vector(u64* to, u64 capacity, u64 address) {
  u64 count = 0;
  if (address == 0) {
    to[0] = 0;
    return 0;
  }
  for (;;) {
    // Not past the page that a pointer lies in: what comes after the null may not be mapped.
    u64 chunk = max<u64>((kPageSize - (address & (kPageSize - 1))) / sizeof(u64), 1);
    chunk = min(chunk, capacity - count);
    if (chunk == 0) return -E2BIG;
    if (copy_from_guest(to + count, address, chunk * sizeof(u64)) != 0) return -EFAULT;
    for (u64 i = 0; i < chunk; i++, count++) {
      if (to[count] == 0) return static_cast<i64>(count);
      if (!in_guest_memory(to[count], 1)) return -EFAULT;
    }
    address += chunk * sizeof(u64);
  }
}

}  // namespace barchan
