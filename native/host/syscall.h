// Purpose: raw Linux system calls of the monitor itself. No libc, no errno variable: a result in
//          [-4095, -1] is a negated error number.
// Owner:   host. Threads: any. Trust: arguments are the monitor's own, or checked before.
#ifndef BARCHAN_HOST_SYSCALL_H
#define BARCHAN_HOST_SYSCALL_H

#include <asm/errno.h>
#include <asm/unistd.h>

#include "host/types.h"

namespace barchan::host {

inline i64 syscall6(i64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
  i64 result;
  register u64 r10 asm("r10") = a3;
  register u64 r8 asm("r8") = a4;
  register u64 r9 asm("r9") = a5;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// How a C argument goes into a register: pointers as they are, integers sign- or zero-extended by type.
template <typename T> inline u64 word(T value) { return static_cast<u64>(static_cast<i64>(value)); }
template <typename T> inline u64 word(T* value) { return reinterpret_cast<u64>(value); }
inline u64 word(decltype(nullptr)) { return 0; }
inline u64 word(u64 value) { return value; }
inline u64 word(u32 value) { return value; }

// host::call(__NR_read, fd, buffer, size): any mix of integers and pointers, up to six.
// Pre: restartable by the kernel (a handler that interrupts it does not abort it; see
// host/interruptible.h for calls that a guest's signal must be able to end).
template <typename... Args> inline i64 call(i64 nr, Args... args) {
  static_assert(sizeof...(Args) <= 6);
  u64 a[6] = {word(args)...};
  return syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}
template <> inline i64 call(i64 nr) { return syscall6(nr, 0, 0, 0, 0, 0, 0); }

constexpr bool is_error(i64 result) { return result < 0 && result >= -4095; }

}  // namespace barchan::host

#endif
