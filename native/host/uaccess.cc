// Contract: host/uaccess.h. The checks; the accesses are in uaccess_x86_64.S.
#include "host/uaccess.h"

#include <asm/errno.h>

namespace barchan {

extern "C" {
i64 barchan_copy(void* to, const void* from, size_t size);
i64 barchan_clear(void* to, size_t size);
i64 barchan_copy_string(char* to, const char* from, size_t capacity);
i64 barchan_exchange_u32(u32* address, u32 expected, u32 desired, u32* seen);
i64 barchan_probe_read(const u8* address);
i64 barchan_probe_write(u8* address);
[[gnu::visibility("hidden")]] extern const u8 barchan_uaccess_begin[];
[[gnu::visibility("hidden")]] extern const u8 barchan_uaccess_end[];
[[gnu::visibility("hidden")]] extern const u8 barchan_uaccess_fault[];
}

namespace {

// SAFETY: the address was checked against the arena, and only the fixed-up instructions use it.
template <typename T> T* guest(u64 address) { return reinterpret_cast<T*>(address); }

}  // namespace

[[gnu::weak]] bool stands_in(u64, size_t) { return false; }

i64 copy_from_guest(void* to, u64 from, size_t size) {
  if (size == 0) return 0;
  if (!in_guest_memory(from, size)) return -EFAULT;
  return barchan_copy(to, guest<const void>(from), size);
}

i64 copy_to_guest(u64 to, const void* from, size_t size) {
  if (size == 0) return 0;
  if (!in_arena(to, size)) return -EFAULT;
  return barchan_copy(guest<void>(to), from, size);
}

i64 clear_guest(u64 to, size_t size) {
  if (size == 0) return 0;
  if (!in_arena(to, size)) return -EFAULT;
  return barchan_clear(guest<void>(to), size);
}

i64 string_from_guest(char* to, u64 from, size_t capacity) {
  if (!in_arena(from, 1))
    return in_guest_memory(from, 1) ? barchan_copy_string(to, guest<const char>(from), capacity) : -EFAULT;
  // The hole below BARCHAN_ARENA_END faults before the string could leave the arena; the clamp makes
  // that independent of the hole.
  const u64 room = BARCHAN_ARENA_END - from;
  if (capacity <= room) return barchan_copy_string(to, guest<const char>(from), capacity);
  const i64 length = barchan_copy_string(to, guest<const char>(from), room);
  return length == -ENAMETOOLONG ? -EFAULT : length;
}

i64 exchange_guest_u32(u64 address, u32 expected, u32 desired, u32& seen) {
  if (!in_arena(address, sizeof(u32)) || address % sizeof(u32) != 0) return -EFAULT;
  return barchan_exchange_u32(guest<u32>(address), expected, desired, &seen);
}

bool probe_guest(u64 address, bool write) {
  if (!in_arena(address, 1)) return false;
  return (write ? barchan_probe_write(guest<u8>(address)) : barchan_probe_read(guest<const u8>(address))) ==
         0;
}

bool uaccess_fixup(u64& rip) {
  if (rip < reinterpret_cast<u64>(barchan_uaccess_begin) ||
      rip >= reinterpret_cast<u64>(barchan_uaccess_end)) {
    return false;
  }
  rip = reinterpret_cast<u64>(barchan_uaccess_fault);
  return true;
}

}  // namespace barchan
