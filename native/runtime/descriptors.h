// Purpose: what a monitor is started with, as descriptors: the device, its configuration, its image, a policy
//          (abi/start.h). The underlying runtime passes them on (--preserve-fds).
// Owner:   runtime. Threads: one.
// Trust:   the image is a sealed copy, so that a container that gets out of its monitor cannot write the host's file
//          through /proc/PID/exe (CVE-2019-5736).
#ifndef BARCHAN_RUNTIME_DESCRIPTORS_H
#define BARCHAN_RUNTIME_DESCRIPTORS_H

#include "runtime/config.h"

namespace barchan::runtime {

struct Material {
  Slice filter;  // sock_filter[]; empty: none
  Slice policy;  // abi/policy.h; empty: none
};

struct Descriptors {
  i32 kvm, blob, image, policy;  // policy: -1: none
};

// Opens and makes them, close-on-exec. `inherited`: how many descriptors from 3 on are the container's own.
Descriptors open_descriptors(const Process& process, const Material& material, const char* monitor,
                             u32 inherited);

// How many descriptors from 3 on the underlying runtime is to pass on.
u32 descriptor_count(const Descriptors& descriptors, u32 inherited);

// Puts them at their numbers, the inherited ones behind them, in this process, which then only executes.
void place_descriptors(const Descriptors& descriptors, u32 inherited);

}  // namespace barchan::runtime

#endif
