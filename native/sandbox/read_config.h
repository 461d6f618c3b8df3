// Purpose: the description of a sandbox from its descriptor.
// Owner:   sandbox. Threads: start-up only.
#ifndef BARCHAN_SANDBOX_READ_CONFIG_H
#define BARCHAN_SANDBOX_READ_CONFIG_H

#include "sandbox/config.h"
#include "sandbox/failure.h"

namespace barchan::sandbox {

// Reads `fd` from its beginning; step "description" when it is wrong. `config` then refers to static memory.
Failure read_config(int fd, Config& config);

}  // namespace barchan::sandbox

#endif
