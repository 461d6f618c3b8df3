// Purpose: process 1 of a program's PID namespace: it reaps orphans, and its end is that of all others.
// Owner:   supervisor. Threads: one.
// Trust:   guests of the namespace see it, and can send it nothing: the kernel drops signals that such a
//          process has no handler for, it is not dumpable, and its only descriptor is the supervisor's pipe.
#ifndef BARCHAN_SUPERVISOR_INIT_H
#define BARCHAN_SUPERVISOR_INIT_H

namespace barchan::supervisor {

// `life`: a byte says that the program's first process, which is no child of this one, is gone; then this
// process leaves when nobody is left. The pipe's end says that the supervisor is gone: it leaves at once.
[[noreturn]] void run_init(int life);

}  // namespace barchan::supervisor

#endif
