// Purpose: the policy that no memory which is, or has been, writable becomes executable (abi/policy.h,
//          kPolicyNoWriteExecute); the rules of PR_SET_MDWE (man 2const PR_SET_MDWE), and none round them by a file
//          that lives in memory alone. With kPolicySwitchExecute it may become executable, but never is both. And PR_SET_MDWE
//          itself.
// Owner:   monitor/mm. Threads: any; reads the policy, which is constant. Trust: arguments are GUEST values.
#ifndef BARCHAN_MONITOR_MM_WRITE_EXECUTE_H
#define BARCHAN_MONITOR_MM_WRITE_EXECUTE_H

#include "host/types.h"

namespace barchan::mm {

// The bits of PR_SET_MDWE in force, which the host keeps for this memory.
extern u32 refused_gains;
// Of a memory that is new: what it has inherited.
void start_refusing();
void refuse_in_fork_child();

// May memory be mapped like this? Always without the policy or PR_SET_MDWE. `fd` is of no account where `anonymous`.
bool may_map(int prot, bool shared, bool anonymous, int fd);

// May memory with protection `before` get `wanted`?
bool may_protect(u8 before, u8 wanted);

}  // namespace barchan::mm

#endif
