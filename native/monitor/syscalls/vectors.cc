// Scattered input and output. The vector is copied once; the kernel sees the copy.
#include "monitor/chaos/chaos.h"
#include "monitor/check.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/iovec.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_mem.h"

namespace barchan {
namespace {

// Calls of the shape (fd, vector, count, a3, a4, a5).
i64 with_vector(Thread& t, const Call& c) {
  IoVector vector;
  i64 error = vector.read(c.arg[1], c.arg[2]);
  if (error < 0) {
    // What the host notices before a bad vector (a wrong descriptor, position or flag), it says of any bad vector.
    const i64 first =
        host::call(static_cast<i64>(c.nr), c.arg[0], check::kBadPointer, 1, c.arg[3], c.arg[4], c.arg[5]);
    return first == -EFAULT ? error : first;
  }
  if (files::proc_copies_in_use) [[unlikely]] {
    if (const i64 refused = files::refresh_before(c)) return refused;
  }
  chaos::shorten(t, c, vector);
  const i64 result =
      t.host(static_cast<i64>(c.nr), c.arg[0], vector.items(), vector.count(), c.arg[3], c.arg[4], c.arg[5]);
  if (result == -EBADF && files::proc_mem_in_use) [[unlikely]]
    return files::proc_mem_call(c, vector.items(), vector.count());
  return result;
}

}  // namespace

i64 sys_readv(Thread& t, const Call& c) { return with_vector(t, c); }
i64 sys_writev(Thread& t, const Call& c) { return with_vector(t, c); }
i64 sys_preadv(Thread& t, const Call& c) { return with_vector(t, c); }
i64 sys_pwritev(Thread& t, const Call& c) { return with_vector(t, c); }
i64 sys_preadv2(Thread& t, const Call& c) { return with_vector(t, c); }
i64 sys_pwritev2(Thread& t, const Call& c) { return with_vector(t, c); }
i64 sys_vmsplice(Thread& t, const Call& c) { return with_vector(t, c); }

}  // namespace barchan
