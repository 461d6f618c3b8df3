// Purpose: the policy of a program in binary form: what the gate says to each system call.
// Owner:   abi; written by lib/policy-blob.ts (little-endian, as below), read and checked by monitor/policy.cc.
// Trust:   comes from Node on a descriptor that no guest can reach; checked in full all the same.
//
// PolicyHeader, then `calls` PolicyVerdicts (one per number, from 0), `rules` PolicyRules, `networks`
// PolicyNetworks. The first rule of a call whose conditions all hold decides; if none does, the verdict.
#ifndef BARCHAN_ABI_POLICY_H
#define BARCHAN_ABI_POLICY_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kPolicyMagic = 0x4c4f5042;  // "BPOL"
constexpr u32 kPolicyVersion = 1;
constexpr u32 kPolicyBytesMax = 1 << 20;
constexpr u32 kPolicyRulesMax = 4096, kPolicyNetworksMax = 1024;

// Bits of PolicyHeader::flags.
constexpr u32 kPolicyHostFilter = 1u << 0;  // bind the monitor itself by seccomp to what the policy can reach
constexpr u32 kPolicyNoWriteExecute = 1u << 1;  // no memory that is, or has been, writable becomes executable
constexpr u32 kPolicySwitchExecute = 1u << 3;   // with it: may become executable once it is writable no more
constexpr u32 kPolicyNetworkList = 1u << 2;     // connect and send only to `networks`

struct PolicyHeader {
  u32 magic, version;
  u32 size;  // of the whole, in bytes
  u32 flags;
  u32 calls;  // 0..65535: numbers past it have the verdict ENOSYS, as numbers past the table
  u32 rules;
  u32 networks;
  u32 reserved;  // zero
};
static_assert(sizeof(PolicyHeader) == 32);

enum PolicyAction : u8 {
  kPolicyAllow = 0,
  kPolicyErrno = 1,  // fails with `error`, 1..4095
  kPolicyKill = 2,   // the process dies by SIGSYS
  kPolicyLog = 3,    // goes on, and Node is told (abi/events.h)
};

struct PolicyVerdict {
  u8 action;
  u8 reserved;
  u16 error;
  u16 first_rule, rules;
};
static_assert(sizeof(PolicyVerdict) == 8);

enum PolicyComparison : u8 {
  kPolicyEqual = 0,
  kPolicyNotEqual,
  kPolicyLess,
  kPolicyLessOrEqual,
  kPolicyGreater,
  kPolicyGreaterOrEqual
};

// (argument & mask) compared with `value`, unsigned. Arguments of 32-bit kinds are cut to 32 bits first.
struct PolicyCondition {
  u8 argument;  // 0..5; of openat2 2, 4 and 5 are resolve, flags and mode of its struct open_how
  u8 comparison;
  u8 reserved[6];
  u64 mask;
  u64 value;
};
static_assert(sizeof(PolicyCondition) == 24);

struct PolicyRule {
  u8 action;
  u8 conditions;  // 1..6
  u16 error;
  u32 reserved;
  PolicyCondition condition[6];
};
static_assert(sizeof(PolicyRule) == 152);

struct PolicyNetwork {
  u8 family;  // 2 (AF_INET) or 10 (AF_INET6)
  u8 prefix;  // 0..32 or 0..128
  u16 first_port, last_port;
  u16 reserved;
  u8 address[16];  // network order; AF_INET uses the first four
};
static_assert(sizeof(PolicyNetwork) == 24);

}  // namespace barchan::abi

#endif
