// Purpose: classic BPF as seccomp(2) uses it: which programs are accepted, and what they say about a call.
// Owner:   monitor. Pure logic, also built hosted for unit tests and fuzzing. Threads: any, no state.
// Trust:   programs are GUEST values in private memory; an accepted program ends and touches nothing but
//          its own registers and scratch words.
#ifndef BARCHAN_MONITOR_SECCOMP_FILTER_H
#define BARCHAN_MONITOR_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "host/types.h"

namespace barchan {

constexpr u32 kFilterLengthMaximum = 4096;  // BPF_MAXINSNS

// What the kernel checks before it takes a filter (net/core/filter.c bpf_check_classic, kernel/seccomp.c
// seccomp_check_filter): known instructions, forward jumps inside, loads of aligned words of seccomp_data, no
// scratch word read before it is written, a return at the end.
bool seccomp_filter_valid(const sock_filter* program, u32 length);

// Runs a program on `data`: its return value. Pre: seccomp_filter_valid().
u32 seccomp_filter_run(const sock_filter* program, u32 length, const seccomp_data& data);

// Whether it returns SECCOMP_RET_ALLOW for call `nr` of this architecture, whatever else is in seccomp_data; false also
// where that takes more than looking at number and architecture (kernel/seccomp.c seccomp_is_const_allow). Pre:
// seccomp_filter_valid().
bool seccomp_filter_always_allows(const sock_filter* program, u32 length, u32 nr);

// The stricter one of two return values, `newer` when they are alike (kernel/seccomp.c seccomp_run_filters):
// actions are ordered as signed numbers.
constexpr u32 seccomp_stricter(u32 newer, u32 older) {
  constexpr u32 kAction = SECCOMP_RET_ACTION_FULL;
  return static_cast<i32>(older & kAction) < static_cast<i32>(newer & kAction) ? older : newer;
}

}  // namespace barchan

#endif
