// shmat(2) and shmdt(2): System V segments at places of the monitor's choice.
#include <linux/mman.h>
#include <linux/shm.h>

#include "host/syscall.h"
#include "monitor/mm/sites.h"
#include "monitor/mm/space.h"
#include "monitor/mm/write_execute.h"
#include "monitor/policy.h"

namespace barchan::mm {
namespace {

// Attached segments of this address space; Linux's default SHMMNI is 4096.
constexpr u32 kMaxAttached = 4096;
struct Attached {
  u64 start, length;
} attached[kMaxAttached];

Attached* slot_for(u64 start) {
  for (auto& a : attached)
    if (a.start == start) return &a;
  return nullptr;
}

}  // namespace

i64 attach_shm(int id, u64 address, int flags) {
  struct shmid64_ds info;
  const i64 stat = host::call(__NR_shmctl, id, IPC_STAT, &info);
  // A segment that may be attached but not inspected (write-only) does not exist: IPC_STAT needs read only.
  if (stat < 0) return stat;
  const u64 length = page_up(info.shm_segsz);
  u64 at = address;
  if (at) {
    if (at % kPageSize) {
      if (!(flags & SHM_RND)) return -EINVAL;
      at &= ~(kPageSize - 1);
    }
    if (!at && flags & SHM_REMAP) return -EINVAL;
  } else if (flags & SHM_REMAP) {
    return -EINVAL;
  }

  const int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
  if (!may_map(prot, true, true, -1)) return policy::refused(-EACCES);

  SpaceGuard guard;
  if (!has_room()) return -ENOMEM;
  Attached* slot = slot_for(0);
  if (!slot) return -EMFILE;
  if (!at) at = choose_place(length, false, kPageSize);
  if (!at || at < BARCHAN_ARENA_START || at > BARCHAN_ARENA_TOP || length > BARCHAN_ARENA_TOP - at)
    return at ? -EINVAL : -ENOMEM;
  if (space.vmas.overlaps(at, at + length)) {
    if (!(flags & SHM_REMAP)) return -EINVAL;
    if (any_sealed(at, at + length)) return -EPERM;
    tables_clear(at, at + length);
  }
  constexpr u16 kKind = kVmaShared | kVmaShm;
  if (!limits_allow(length, mapped_bytes(at, at + length), static_cast<u8>(prot), kKind)) return -ENOMEM;
  sites_give_way(at, at + length);
  // The host mapping is never executable; SHM_EXEC lives in the guest's entries only.
  const i64 result = host::call(__NR_shmat, id, at, (flags & ~(SHM_EXEC | SHM_RND)) | SHM_REMAP);
  if (host::is_error(result)) return result;
  leave_reserve(at, at + length);
  space.vmas.remove(at, at + length);
  space.guards.remove(at, at + length);
  if (const i64 error = lock_new(at, at + length); error < 0) {
    host::call(__NR_shmdt, at);
    return error;
  }
  space.vmas.insert(at, at + length, static_cast<u8>(prot), kKind);
  fill_eagerly(at, at + length, static_cast<u8>(prot));
  *slot = {at, length};
  return static_cast<i64>(at);
}

i64 detach_shm(u64 address) {
  if (address % kPageSize || !address) return -EINVAL;
  SpaceGuard guard;
  Attached* slot = slot_for(address);
  if (!slot) return -EINVAL;
  tables_clear(slot->start, slot->start + slot->length);
  const i64 result = host::call(__NR_shmdt, address);
  if (result < 0) return result;
  if (space.vmas.has_room()) space.vmas.remove(slot->start, slot->start + slot->length);
  *slot = {};
  return 0;
}

}  // namespace barchan::mm
