// Purpose: finds out what rewriting a config must know about the host.
// Owner:   runtime. Threads: one.
#ifndef BARCHAN_RUNTIME_SURROUNDINGS_H
#define BARCHAN_RUNTIME_SURROUNDINGS_H

#include "runtime/config.h"

namespace barchan::runtime {

Surroundings surroundings(const char* bundle, const char* monitor);

}  // namespace barchan::runtime

#endif
