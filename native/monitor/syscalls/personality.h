// Purpose: the guest's personality(2).
// Owner:   monitor/syscalls. Threads: acts on the calling thread, as in Linux.
#ifndef BARCHAN_MONITOR_SYSCALLS_PERSONALITY_H
#define BARCHAN_MONITOR_SYSCALLS_PERSONALITY_H

namespace barchan {

// Did the guest ask for a fixed layout (ADDR_NO_RANDOMIZE; setarch -R, gdb)? Holds over fork and exec.
bool personality_fixed_layout();

}  // namespace barchan

#endif
