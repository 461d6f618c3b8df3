// Purpose: what the policy in force says to a call (abi/policy.h).
// Owner:   monitor. Threads: set by start-up, constant afterwards; forks inherit it, an exec reads it again.
// Trust:   the blob is checked in full before it counts; arguments are GUEST values in private memory.
#ifndef BARCHAN_MONITOR_POLICY_H
#define BARCHAN_MONITOR_POLICY_H

#include <asm/unistd.h>

#include "abi/policy.h"

namespace barchan::policy {

// A policy whose parts lie in one piece of memory.
struct Policy {
  abi::PolicyHeader header = {};
  const abi::PolicyVerdict* verdicts = nullptr;
  const abi::PolicyRule* rules = nullptr;
  const abi::PolicyNetwork* networks = nullptr;
};

// Finds the parts of a blob of `size` bytes, 8-aligned. Null when all is well, else what is wrong with it.
const char* parse(const u8* bytes, u64 size, Policy& policy);

struct Decision {
  abi::PolicyAction action;
  u16 error;
};

// The decision on call `nr` with these arguments; a number that the policy does not know is ENOSYS.
Decision decide(const Policy& policy, u32 nr, const u64 argument[6]);

// Whether any arguments make this call pass: false for one that never does.
bool can_pass(const Policy& policy, u32 nr);

// Whether this call passes whatever its arguments are, and nobody is told.
bool always_passes(const Policy& policy, u32 nr);

enum class Use { kConnect, kSend };

// May a socket connect or send to this address? GUEST: `address`, a private copy. True where the policy has no
// list, and for families other than AF_INET and AF_INET6. AF_UNSPEC ends a connection, but is AF_INET to a send
// (net/ipv4/udp.c udp_sendmsg).
bool reachable(const Policy& policy, Use use, const u8* address, u64 size);

// The one in force; inactive (verdicts null) when the program was started without.
extern Policy active;
inline bool is_active() { return active.verdicts != nullptr; }
inline bool forbids_write_execute() { return active.header.flags & abi::kPolicyNoWriteExecute; }
// May the monitor open files of its own while it does a call? Only where the guest may: else the host filter has no such
// calls.
inline bool lets_open() { return !is_active() || can_pass(active, __NR_openat); }
inline bool lets_switch_execute() { return active.header.flags & abi::kPolicySwitchExecute; }
inline bool lists_networks() { return active.header.flags & abi::kPolicyNetworkList; }

// Reads private descriptor kFdPolicy, if open, and puts it in force. Null or what is wrong.
const char* load();

// As judge(), for openat2 where rules look at its struct open_how: about the caller's copy, whose `resolve`, `flags` and `mode` the
// policy knows as arguments 2, 4 and 5 (abi/policy.h).
i64 judge_open(const u64 argument[6], u64 flags, u64 mode, u64 resolve);
// The gate's question. 0: go on; else the guest's result. Does not return when the policy kills.
i64 judge(u32 nr, const u64 argument[6]);
// What a handler returns for a call that the policy in force refuses for what its arguments lead to: `error`, noted.
i64 refused(i64 error);

}  // namespace barchan::policy

#endif
