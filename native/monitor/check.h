// Purpose: makes the arguments of a guest's call harmless to the host, as the table describes them.
// Owner:   monitor. Pure logic: no host call, no globals, so that it builds hosted for unit tests.
// Threads: any. Trust: `arg` are GUEST values.
//
// Nothing is refused here. A descriptor or pointer that the guest must not use is replaced by one that the
// host kernel refuses in the same place and order as it would refuse the original on a plain Linux:
//   - a private descriptor becomes kClosedFd, a number that no process can have open (fs.nr_open's limit);
//   - a pointer to outside the arena, but inside user space, becomes one into the hole between
//     BARCHAN_ARENA_TOP and BARCHAN_ARENA_END, which is never mapped. It keeps its low 12 bits, so that
//     alignment is judged as before;
//   - a pointer outside user space, or whose buffer leaves it, becomes kBadPointer, which every kernel's
//     access_ok() refuses;
//   - a length that would carry a buffer out of the arena is cut so that the buffer ends in the hole, where
//     the kernel faults as it would have done at the end of the guest's mapping.
// A NULL that has a meaning stays NULL, and its length is cut to the never-mapped first 64 KiB.
#ifndef BARCHAN_MONITOR_CHECK_H
#define BARCHAN_MONITOR_CHECK_H

#include "abi/layout.h"
#include "host/types.h"
#include "monitor/table.h"

namespace barchan::check {

constexpr i32 kClosedFd = 0x7fffffff;
constexpr u64 kHole = BARCHAN_ARENA_TOP;
// In the guard hole of the kernel's half (Documentation/arch/x86/x86_64/mm.rst): not user memory with 4-level
// nor with 5-level page tables, and never mapped.
constexpr u64 kBadPointer = 0xffff800000000000;
// The end of user space as a 64-bit program sees it (TASK_SIZE_MAX with 4-level page tables).
constexpr u64 kUserEnd = 0x7ffffffff000;
// The most that one call transfers (MAX_RW_COUNT); some calls cut a longer length before they look at it.
constexpr u64 kMostTransferred = 0x7ffff000;

// A pointer to `size` bytes, size < 1 MiB. In the arena: itself.
u64 pointer(u64 address, u64 size, bool optional);

// A pointer to `extra + size * count` bytes, extra and size < 64 KiB, size > 0. May lower `count`.
u64 buffer(u64 address, u64 size, u64 extra, bool optional, u64& count);

// Memory that a call acts on without reading or writing it. Keeps what the kernel's range checks see: page offset,
// a range that rounds to nothing, one that wraps around. May lower `size`.
u64 range(u64 address, u64& size);

// Rewrites the arguments that `row.checks` names. Descriptors at or above `fd_base` are private.
// Post: each argument is a value; a 32-bit descriptor, sign-extended; or a pointer as described above.
void arguments(const table::Row& row, u64 arg[6], u32 fd_base);

}  // namespace barchan::check

#endif
