// Purpose: calls into the vsyscall page, by which old static programs ask for the time: carried out as Linux does where it
//          emulates them (vsyscall=xonly, arch/x86/entry/vsyscall/vsyscall_64.c).
// Owner:   monitor. Threads: the faulting one. Trust: registers and stack are GUEST values.
#ifndef BARCHAN_MONITOR_VSYSCALL_H
#define BARCHAN_MONITOR_VSYSCALL_H

#include "monitor/entry.h"

namespace barchan {

// True when the page fault was such a call: it has been made, or its signal raised.
bool handle_vsyscall(Thread& t, const Exception& e);

}  // namespace barchan

#endif
