// Purpose: the monitor's locks, on futexes (man 2 futex). No owner word holds a bare thread id.
// Owner:   host. Threads: any. A lock held by a thread that forks is reset in the child (reset()).
#ifndef BARCHAN_HOST_LOCK_H
#define BARCHAN_HOST_LOCK_H

#include <linux/futex.h>

#include "host/syscall.h"

namespace barchan::host {

inline void futex_wait(u32* word, u32 expected) {
  call(__NR_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, expected, nullptr);
}
inline void futex_wake(u32* word, int count) {
  call(__NR_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count);
}

// Mutual exclusion. Not recursive. A holder that can vanish without unlocking (a thread of another process that shares
// this memory) gives a token of its own; others have 0.
class Mutex {
 public:
  // Says whether the holder with this token is no more.
  using Gone = bool (*)(u32 token);

  // True when the lock was taken over from a holder that is gone: what it guards may be half done.
  bool lock(u32 token = 0, Gone gone = nullptr) {
    u32 taken = token << kTokenShift | kHeld;
    for (;;) {
      u32 v = __atomic_load_n(&word_, __ATOMIC_RELAXED);
      const u32 holder = v >> kTokenShift;
      const bool orphaned = holder != 0 && gone && gone(holder);
      if (!(v & kHeld) || orphaned) {
        if (__atomic_compare_exchange_n(&word_, &v, taken | (v & kWaiters), false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
          return orphaned;
        continue;
      }
      if (!(v & kWaiters)) {
        const u32 seen = v;
        if (!__atomic_compare_exchange_n(&word_, &v, seen | kWaiters, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
          continue;
        v = seen | kWaiters;
      }
      // Nobody wakes those who wait for a holder that is killed.
      const u64 soon[2] = {0, 20000000};
      call(__NR_futex, &word_, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, v, holder != 0 ? soon : nullptr);
      taken |= kWaiters;  // there may be more
    }
  }
  void unlock() {
    if (__atomic_exchange_n(&word_, 0, __ATOMIC_RELEASE) & kWaiters) futex_wake(&word_, 1);
  }
  bool held_by(u32 token) const {
    const u32 v = __atomic_load_n(&word_, __ATOMIC_RELAXED);
    return (v & kHeld) && v >> kTokenShift == token;
  }
  // After fork, in the child, where no other thread exists.
  void reset() { word_ = 0; }

 private:
  static constexpr u32 kHeld = 1, kWaiters = 2, kTokenShift = 2;
  u32 word_ = 0;
};

class Guard {
 public:
  explicit Guard(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Guard() { mutex_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Mutex& mutex_;
};

// Many readers or one writer; writers wait for readers to leave and bar new ones.
class SharedMutex {
 public:
  void lock_shared() {
    lock_shared([](u32* word, u32 seen) {
      futex_wait(word, seen);
      return true;
    });
  }
  // `wait(word, seen)` sleeps while *word == seen; when it returns false, so does this, without the lock.
  template <typename Wait> bool lock_shared(Wait wait) {
    for (;;) {
      u32 v = __atomic_load_n(&word_, __ATOMIC_RELAXED);
      if (v & kWriter) {
        if (!wait(&word_, v)) return false;
      } else if (__atomic_compare_exchange_n(&word_, &v, v + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return true;
      }
    }
  }
  void unlock_shared() {
    if (__atomic_sub_fetch(&word_, 1, __ATOMIC_RELEASE) == kWriter) futex_wake(&word_, 0x7fffffff);
  }
  void lock() {
    writers_.lock();
    u32 v = __atomic_or_fetch(&word_, kWriter, __ATOMIC_ACQUIRE);
    while (v != kWriter) {
      futex_wait(&word_, v);
      v = __atomic_load_n(&word_, __ATOMIC_ACQUIRE);
    }
  }
  void unlock() {
    __atomic_store_n(&word_, 0, __ATOMIC_RELEASE);
    futex_wake(&word_, 0x7fffffff);
    writers_.unlock();
  }
  void reset() {
    word_ = 0;
    writers_.reset();
  }

 private:
  static constexpr u32 kWriter = 0x80000000;
  Mutex writers_;
  u32 word_ = 0;
};

}  // namespace barchan::host

#endif
