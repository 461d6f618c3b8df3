// Purpose: how the runtime says that it could not do something: where the engines look for it, and on stderr.
// Owner:   runtime. Threads: one.
#ifndef BARCHAN_RUNTIME_FAIL_H
#define BARCHAN_RUNTIME_FAIL_H

#include "runtime/memory.h"

namespace barchan::runtime {

// What lives as long as the process.
Arena& memory();

// --log and --log-format: engines take the reason of a failure from there. Null: none.
void log_to(const char* file, bool json);

[[noreturn]] void fail_with(const char* message);
template <typename... Parts> [[noreturn]] void fail(Parts... parts) { fail_with(memory().join(parts...)); }
// The same with what an error number means at the end. `error`: as a call returns it, negative.
template <typename... Parts> [[noreturn]] void fail_errno(i64 error, Parts... parts);

// "no such file or directory" and the like.
const char* error_text(i64 error);

template <typename... Parts> [[noreturn]] void fail_errno(i64 error, Parts... parts) {
  fail_with(memory().join(parts..., ": ", error_text(error)));
}

}  // namespace barchan::runtime

#endif
