// Purpose: a container's own seccomp profile (runtime-spec, config-linux.md, "Seccomp"), read from config.json, and the
//          classic BPF program that says the same, for the gate to run.
// Owner:   runtime. Pure logic, also built hosted for tests and fuzzing. Threads: one.
// Trust:   the profile may be anything: what is accepted becomes a program that monitor/seccomp_filter.h accepts.
//
// Meaning, as libseccomp has it: of a call's entries one without conditions decides alone; else the first whose
// conditions all hold; else the default. Entries that say what the default says are ignored, as runc and crun do. An
// entry that names one argument twice is as many entries. As in runc, a number past every call that the profile names is
// ENOSYS where the default is an errno, so that C libraries fall back.
#ifndef BARCHAN_RUNTIME_SECCOMP_PROFILE_H
#define BARCHAN_RUNTIME_SECCOMP_PROFILE_H

#include <linux/filter.h>

#include "runtime/json.h"

namespace barchan::runtime {

constexpr u32 kCalls = 512;  // numbers from here on are the default's

struct SeccompCondition {
  u32 argument;
  u8 comparison;  // an index of kComparisons in seccomp_profile.cc
  u64 value, second;
};

struct SeccompRule {
  u32 action;  // SECCOMP_RET_*
  u32 conditions;
  SeccompCondition condition[6];
  SeccompRule* next;
};

struct SeccompProfile {
  u32 otherwise;  // SECCOMP_RET_*
  bool x32;       // SCMP_ARCH_X32 is among the architectures
  u32 end;        // one past the highest number named
  struct {
    bool decided;  // by an entry without conditions
    u32 action;
    SeccompRule* first;
    SeccompRule* last;
  } calls[kCalls];
};

// Null, or what is wrong.
const char* read_seccomp(Arena& arena, const json::Value* seccomp, SeccompProfile& profile);

// Can this call pass with any arguments?
bool may_pass(const SeccompProfile& profile, u32 nr);

// The instructions in `code`; 0: more than `room`.
u32 compile_seccomp(Arena& arena, const SeccompProfile& profile, sock_filter* code, u32 room);

}  // namespace barchan::runtime

#endif
