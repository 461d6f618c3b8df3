// Purpose: the only way the monitor reads or writes guest memory. Every access is checked against
//          the arena first and survives unmapped pages: a fault becomes EFAULT.
// Owner:   host. Threads: any. Trust: `GUEST:` pointers come in here and nowhere else.
//
// The copies run in a few instructions whose addresses uaccess_fixup() knows; the monitor's SIGSEGV
// and SIGBUS handler calls it with the interrupted RIP and resumes at the fix-up.
#ifndef BARCHAN_HOST_UACCESS_H
#define BARCHAN_HOST_UACCESS_H

#include "abi/layout.h"
#include "host/types.h"

namespace barchan {

// True when [address, address + size) lies in the arena. A size of 0 is true for any address inside.
constexpr bool in_arena(u64 address, u64 size) {
  return address >= BARCHAN_ARENA_START && address < BARCHAN_ARENA_END && size <= BARCHAN_ARENA_END - address;
}

// True when the bytes are a private copy that stands for guest memory in the calling thread's call. The monitor's own
// definition takes the place of one that says no.
bool stands_in(u64 address, size_t size);

// What a call may read: the arena, or such a copy.
inline bool in_guest_memory(u64 address, u64 size) {
  return in_arena(address, size) || (address >= BARCHAN_ARENA_END && stands_in(address, size));
}

// Copies all `size` bytes or returns -EFAULT (then `to` may hold a part). Returns 0.
i64 copy_from_guest(void* to, u64 from, size_t size);
// Copies all `size` bytes or returns -EFAULT (then a part may be written). Returns 0.
i64 copy_to_guest(u64 to, const void* from, size_t size);
// Writes zeros. 0 or -EFAULT.
i64 clear_guest(u64 to, size_t size);

// Copies a NUL-terminated string with its NUL. Returns its length without the NUL, -EFAULT, or
// -ENAMETOOLONG when no NUL is found in `capacity` bytes.
i64 string_from_guest(char* to, u64 from, size_t capacity);

template <typename T> inline i64 read_guest(T& to, u64 from) { return copy_from_guest(&to, from, sizeof to); }
template <typename T> inline i64 write_guest(u64 to, const T& from) {
  return copy_to_guest(to, &from, sizeof from);
}

// Atomic compare-exchange on an aligned 32-bit word; `seen` gets the value found. 0 or -EFAULT.
i64 exchange_guest_u32(u64 address, u32 expected, u32 desired, u32& seen);

// True when a byte at `address` can be read (and, with `write`, written back unchanged).
bool probe_guest(u64 address, bool write);

// For the fault handler: when `rip` is inside a uaccess copy, sets it to the fix-up and returns true.
bool uaccess_fixup(u64& rip);

}  // namespace barchan

#endif
