// Purpose: all threads at once: fork's view of them (what the child inherits of the others, and must drop), and
//          changes that concern each of them.
// Owner:   monitor.
#ifndef BARCHAN_MONITOR_THREAD_POOL_H
#define BARCHAN_MONITOR_THREAD_POOL_H

#include "monitor/thread.h"

namespace barchan {

void pool_lock_for_fork();
void pool_unlock_after_fork_parent();
// In the child, whose only thread is `t`: forgets every other thread, and closes the parent's VM and vCPUs.
// Pre: mm::rebuild_after_fork_child() comes next, then pool_adopt().
void pool_drop_after_fork_child(Thread& t);
// Gives `t` a vCPU of the new VM. Dies when it cannot.
void pool_adopt(Thread& t);

// Calls visit(thread, context) for every thread of this address space that is not gone yet, none of which is
// created meanwhile. What clone copies from a parent's Thread is copied under the same lock.
void pool_visit(void (*visit)(Thread& t, void* context), void* context);

// Is `t` the only guest thread of its process? The host may have more: KVM adds a worker of its own to the
// process (arch/x86/kvm/mmu/mmu.c, kvm_mmu_post_init_vm), which also outlives the last exit(2).
bool pool_is_last(const Thread& t);

}  // namespace barchan

#endif
