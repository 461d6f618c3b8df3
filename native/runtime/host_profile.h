// Purpose: the seccomp profile that the container runtime puts on the monitor: the host calls that the container's own
//          profile and policy can cause (monitor/host_calls.def), and what the runtime itself needs until it executes
//          the monitor.
// Owner:   runtime. Pure logic, also built hosted. Threads: one. Trust: what it is made from has been checked.
#ifndef BARCHAN_RUNTIME_HOST_PROFILE_H
#define BARCHAN_RUNTIME_HOST_PROFILE_H

#include "monitor/policy.h"
#include "runtime/seccomp_profile.h"

namespace barchan::runtime {

// The value of linux.seccomp. `profile`: the container's own, or null; `policy`: of an annotation, or null.
json::Value* host_profile(Arena& arena, const SeccompProfile* profile, const policy::Policy* policy);

}  // namespace barchan::runtime

#endif
