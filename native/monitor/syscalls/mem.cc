// Memory calls: the guest's view of mm/.
#include <linux/mman.h>

#include "host/uaccess.h"
#include "monitor/mm/mm.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_mem.h"

namespace barchan {

i64 sys_mmap(Thread&, const Call& call) {
  // Flags past 32 bits are unknown ones; only MAP_SHARED_VALIDATE looks at those.
  constexpr u64 kUnknown = u64{1} << 31;
  const u64 flags = call.arg[3] >> 32 ? call.arg[3] | kUnknown : call.arg[3];
  // Files of procfs cannot be mapped.
  if (files::CopyPath path; files::proc_copies_in_use && !(flags & MAP_ANONYMOUS) && call.arg[1] != 0 &&
                            files::copied_path(static_cast<int>(call.arg[4]), path)) [[unlikely]]
    return -ENODEV;
  const i64 result = mm::map(call.arg[0], call.arg[1], static_cast<int>(call.arg[2]), static_cast<int>(flags),
                             static_cast<int>(call.arg[4]), call.arg[5]);
  if (result == -EBADF && files::proc_mem_in_use) [[unlikely]]
    return files::proc_mem_call({__NR_mmap, {call.arg[4]}});
  return result;
}

i64 sys_munmap(Thread&, const Call& call) { return mm::unmap(call.arg[0], call.arg[1]); }

i64 sys_mprotect(Thread&, const Call& call) {
  constexpr u64 kUnknown = u64{1} << 31;
  const u64 prot = call.arg[2] >> 32 ? call.arg[2] | kUnknown : call.arg[2];
  return mm::protect(call.arg[0], call.arg[1], static_cast<int>(prot));
}

i64 sys_mremap(Thread&, const Call& call) {
  return mm::remap(call.arg[0], call.arg[1], call.arg[2], static_cast<int>(call.arg[3]), call.arg[4]);
}

i64 sys_brk(Thread&, const Call& call) { return mm::brk(call.arg[0]); }

i64 sys_madvise(Thread&, const Call& call) {
  return mm::advise(call.arg[0], call.arg[1], static_cast<int>(call.arg[2]));
}

i64 sys_mseal(Thread&, const Call& call) { return mm::seal(call.arg[0], call.arg[1], call.arg[2]); }

i64 sys_remap_file_pages(Thread&, const Call& call) {
  return mm::remap_file(call.arg[0], call.arg[1], call.arg[2], call.arg[3], call.arg[4]);
}

i64 sys_mlockall(Thread&, const Call& call) { return mm::lock_all(static_cast<int>(call.arg[0])); }
i64 sys_munlockall(Thread&, const Call&) { return mm::unlock_all(); }

i64 sys_shmat(Thread&, const Call& call) {
  return mm::attach_shm(static_cast<int>(call.arg[0]), call.arg[1], static_cast<int>(call.arg[2]));
}

i64 sys_shmdt(Thread&, const Call& call) { return mm::detach_shm(call.arg[0]); }

}  // namespace barchan
