// Purpose: how a step of the set-up says that the host refused it.
// Owner:   sandbox. Threads: one. Trust: `path` may be a caller's.
#ifndef BARCHAN_SANDBOX_FAILURE_H
#define BARCHAN_SANDBOX_FAILURE_H

#include "host/string.h"
#include "host/types.h"

namespace barchan::sandbox {

// No failure: step is null. `step` is a word that is stable (docs/errors.md, lib/sandbox-steps.ts) and, like
// `path`, outlives the set-up; `error` is a positive errno.
struct Failure {
  const char* step = nullptr;
  i64 error = 0;
  const char* path = nullptr;

  explicit operator bool() const { return step != nullptr; }
};

// A system call's result as a Failure.
inline Failure check(i64 result, const char* step, const char* path = nullptr) {
  return result < 0 ? Failure{step, -result, path} : Failure{};
}

// {"event":"failed","errno":N,"step":"...","path":"..."} and a line's end.
void put_failure(Text& line, const Failure& failure);

}  // namespace barchan::sandbox

#endif
