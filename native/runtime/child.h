// Purpose: the underlying runtime as a child of ours, where something is left to do after it.
// Owner:   runtime. Threads: one.
#ifndef BARCHAN_RUNTIME_CHILD_H
#define BARCHAN_RUNTIME_CHILD_H

#include "host/types.h"

namespace barchan::runtime {

// Executes a program in a child and waits for its end: the status as wait(2) has it. `prepare` runs in the child. Signals that
// are sent to us alone go to the child, those of the terminal reach it anyway; it dies with us.
i32 run_child(const char* path, const char* const* arguments, const char* const* environment,
              void (*prepare)(void*), void* context);

// Ends as a child with this status has ended.
[[noreturn]] void end_like(i32 status);

// Becomes the program; says so and ends when it cannot.
[[noreturn]] void become(const char* path, const char* const* arguments, const char* const* environment);

}  // namespace barchan::runtime

#endif
