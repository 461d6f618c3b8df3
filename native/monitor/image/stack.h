// Purpose: the initial stack of the guest program, byte for byte in Linux's layout: strings, random bytes,
//          auxiliary vector, environment, arguments (System V ABI for x86-64, 3.4.1; man 3 getauxval).
// Owner:   monitor/image. Threads: start-up only.
// Trust:   the monitor's own initial stack is the kernel's work; its strings are GUEST bytes.
#ifndef BARCHAN_MONITOR_IMAGE_STACK_H
#define BARCHAN_MONITOR_IMAGE_STACK_H

#include "monitor/image/load.h"

namespace barchan {

// The kernel's initial stack of the monitor.
struct KernelStack {
  const char* const* arguments;
  const char* const* environment;
  const u64* auxiliary;  // pairs, ended by AT_NULL
  u64 argument_count, environment_count;
  explicit KernelStack(const u64* stack);
  u64 auxiliary_value(u64 type) const;  // 0 when absent
};

// The guest's auxiliary vector as on its stack (/proc/self/auxv). Valid after build_stack().
struct AuxiliaryVector {
  u64 words[2 * 24];
  u32 size;  // bytes, AT_NULL included
};
extern AuxiliaryVector auxiliary_vector;

// Writes the stack, fills program.argument_start and its like, program.stack_top and auxiliary_vector.
// argv is `prefix` (for scripts, in place of argv[0]) and the kernel's. 0 with the initial stack pointer in
// `rsp`, -E2BIG when it does not fit, or -EFAULT.
i64 build_stack(const KernelStack& kernel, const Target& target, const Loaded& loaded, const char* execfn,
                u64& rsp);

}  // namespace barchan

#endif
