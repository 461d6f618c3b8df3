// Purpose: runs a host call on what a guest's path names, never on an object of the monitor.
// Owner:   monitor/syscalls. Threads: any. Trust: addresses and directory descriptors are GUEST values.
#ifndef BARCHAN_MONITOR_SYSCALLS_PATH_CALLS_H
#define BARCHAN_MONITOR_SYSCALLS_PATH_CALLS_H

#include "monitor/syscalls/paths.h"

namespace barchan::files {

// A reference to a callable (int directory, u64 path) -> Linux result; `path` is an address for the host. It may be
// called more than once, with a result that says that nothing was done in between.
class HostPathCall {
 public:
  template <typename Callable> HostPathCall(const Callable& callable)  // NOLINT(google-explicit-constructor)
      : object_(&callable), invoke_(invoke<Callable>) {}
  i64 operator()(int directory, u64 path) const { return invoke_(object_, directory, path); }

 private:
  template <typename Callable> static i64 invoke(const void* object, int directory, u64 path) {
    return (*static_cast<const Callable*>(object))(directory, path);
  }

  const void* object_;
  i64 (*invoke_)(const void*, int, u64);
};

// For calls that change the object that `address` leads to, final links followed: pinned and judged first.
i64 on_object(int directory, u64 address, HostPathCall call);
// For calls that act on the name itself (no final link is followed).
i64 on_name(int directory, u64 address, HostPathCall call);
// For calls that only look at an object: pinned only when the way there takes a magic link.
i64 on_question(int directory, u64 address, HostPathCall call);
// "" at `address`, or NULL, which newer kernels take for it with AT_EMPTY_PATH.
bool is_empty(u64 address);

// A changing call with AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW among its flags.
i64 by_flags(u64 directory, u64 address, u64 flags, HostPathCall call);

}  // namespace barchan::files

#endif
