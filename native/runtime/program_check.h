// Purpose: says at create that a container's program is not there, as crun and runc do, who would else look for the monitor.
// Owner:   runtime. Threads: one.
// Trust:   a courtesy to engines, which tell a wrong name by it; the monitor looks for itself. The root is the container's and
//          nothing in it leads out of it.
#ifndef BARCHAN_RUNTIME_PROGRAM_CHECK_H
#define BARCHAN_RUNTIME_PROGRAM_CHECK_H

#include "runtime/config.h"

namespace barchan::runtime {

// Null when the program is there, or when that cannot be told because volumes are mounted; else runc's message, by which
// engines give 126 or 127.
const char* check_program(Arena& arena, const json::Value* config, const Container& container);

}  // namespace barchan::runtime

#endif
