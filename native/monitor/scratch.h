// Purpose: private memory for what a handler copies from the guest: a small buffer in the frame and,
//          beyond it, a mapping of its own that lives as long as the object.
// Owner:   monitor. Threads: an object belongs to one call. Trust: sizes are bounded by the caller.
#ifndef BARCHAN_MONITOR_SCRATCH_H
#define BARCHAN_MONITOR_SCRATCH_H

#include <linux/mman.h>

#include "abi/layout.h"
#include "host/string.h"
#include "host/syscall.h"

namespace barchan {

// Pre of a good choice of `kInline`: monitor stacks are 64 KiB, so all Scratch objects of one call chain
// stay below 16 KiB together.
template <size_t kInline> class Scratch {
 public:
  Scratch() {}
  ~Scratch() {
    if (mapped_ != 0) host::call(__NR_munmap, data_, mapped_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // At least `size` bytes, 16-aligned, contents undefined; null when the host has no memory. Called once.
  void* get(size_t size) {
    if (size <= kInline) return inline_;
    i64 where =
        host::call(__NR_mmap, 0, page_up(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (host::is_error(where)) return nullptr;
    data_ = reinterpret_cast<void*>(where);
    mapped_ = page_up(size);
    // A private copy inside the arena would be no private copy.
    return static_cast<u64>(where) >= BARCHAN_ARENA_END ? data_ : nullptr;
  }

 private:
  alignas(16) u8 inline_[kInline];
  void* data_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace barchan

#endif
