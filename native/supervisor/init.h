// Purpose: process 1 of a program's PID namespace: it reaps orphans, and its end is that of all others.
// Owner:   supervisor. Threads: one.
// Trust:   guests of the namespace see it, and can send it nothing: the kernel drops signals that such a
//          process has no handler for, it is not dumpable, and its only descriptor is the supervisor's pipe.
//          As the same user they can change its limits (prlimit(2)), and so at worst end it and themselves.
#ifndef BARCHAN_SUPERVISOR_INIT_H
#define BARCHAN_SUPERVISOR_INIT_H

namespace barchan::supervisor {

// Closes all descriptors but `life`, which becomes 0, and `other`, which becomes 1: the program's streams must
// not stay open for this process's sake.
void prepare_init(int life, int other);

// On 0, a byte says that the program's first process, which is no child of this one, is gone; then this process
// leaves when nobody is left. The pipe's end says that the supervisor is gone: it leaves at once.
[[noreturn]] void run_init();

}  // namespace barchan::supervisor

#endif
