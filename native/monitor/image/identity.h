// Purpose: makes /proc/PID/{cmdline,environ,auxv,stat} of the host process tell of the guest program, and
//          gives it its name.
// Owner:   monitor/image. Threads: start-up only. Trust: nothing here decides anything.
#ifndef BARCHAN_MONITOR_IMAGE_IDENTITY_H
#define BARCHAN_MONITOR_IMAGE_IDENTITY_H

#include "monitor/image/load.h"

namespace barchan {

// Pre: build_stack() ran. Kernels without CONFIG_CHECKPOINT_RESTORE keep the monitor's own values.
void publish_identity(const Target& target, const Loaded& loaded, const char* command);

// The last component of a path.
const char* base_name(const char* path);

}  // namespace barchan

#endif
