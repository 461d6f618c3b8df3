// Purpose: the well-kept runtime below us: which one, where, and what it is called with.
// Owner:   runtime. Threads: one. Trust: the administrator's choice, by environment or /etc/barchan/runtime.json.
#ifndef BARCHAN_RUNTIME_UNDERLYING_H
#define BARCHAN_RUNTIME_UNDERLYING_H

#include "runtime/memory.h"

namespace barchan::runtime {

enum class Flavor : u8 { kCrun, kRunc };

struct Underlying {
  const char* path;
  Flavor flavor;
};

const char* flavor_name(Flavor flavor);

// $BARCHAN_OCI_RUNTIME, "runtime" of /etc/barchan/runtime.json, or crun or runc, whichever is found first in PATH and
// the usual folders. Does not return when there is none.
Underlying find_underlying(const char* const* environment);

// The same for a path that is known. Does not return when its name says neither crun nor runc.
Underlying underlying_at(const char* path);

// "crun version 1.8.1" of --version's first line. Does not return when it is older than what is known to work: crun 1.0, runc
// 1.0. Remembers in `root` which file was asked, so that this costs nothing the next time.
void check_version(const Underlying& underlying, const char* root, const char* const* environment);

// A variable, or null.
const char* variable(const char* const* environment, const char* name);

}  // namespace barchan::runtime

#endif
