// Purpose: checks that every part of config.json that is looked at has in common.
// Owner:   runtime. Pure logic, also built hosted. Threads: one. Trust: values may be anything.
#ifndef BARCHAN_RUNTIME_SCHEMA_H
#define BARCHAN_RUNTIME_SCHEMA_H

#include "runtime/json.h"

namespace barchan::runtime {

// Go's reader takes "Process" for "process", so that a config could say one thing to us and another to runc. Null when no
// member of `object` has the name of a known one in other letters, else the message.
const char* check_names(Arena& arena, const json::Value* object, const char* path, const char* const* known,
                        size_t count);
template <size_t kCount> const char* check_names(Arena& arena, const json::Value* object, const char* path,
                                                 const char* const (&known)[kCount]) {
  return check_names(arena, object, path, known, kCount);
}

// A member that is absent or null counts as absent: null.
json::Value* member(const json::Value* object, Slice name);

// Null when `list` is an array of strings without NUL, else the message.
const char* check_strings(Arena& arena, const json::Value* list, const char* path);

}  // namespace barchan::runtime

#endif
