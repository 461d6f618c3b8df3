// Purpose: the configuration of a first start, read and checked in full (abi/start.h).
// Owner:   monitor. Threads: start-up only. Trust: written by Node; checked as if it were not.
#ifndef BARCHAN_MONITOR_START_CONFIG_H
#define BARCHAN_MONITOR_START_CONFIG_H

#include <linux/filter.h>

#include "abi/start.h"
#include "monitor/intercept/intercept.h"

namespace barchan {

struct StartConfig {
  abi::StartBlob blob;
  const char* program;        // not empty, except for a self-test
  const char* cwd;            // or null
  const u32* numbers;         // of the extra descriptors for the guest, ascending from 3; null: 3, 4, ...
  const sock_filter* filter;  // blob.filter_length instructions, or null
  intercept::Set calls;       // that Node decides; empty without intercept_fd
};

// Reads descriptor 4, where the start leaves it. Dies with ERR_MONITOR_CONFIG when anything is wrong.
// The strings stay valid for good.
StartConfig read_start_config();

// Is kStartEntrypoint set on descriptor 4? False too when there is nothing to read.
bool is_entrypoint();

}  // namespace barchan

#endif
