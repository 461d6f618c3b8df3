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

// Mutual exclusion; 0 free, 1 held, 2 held with waiters. Not recursive.
class Mutex {
 public:
  void lock() {
    u32 seen = 0;
    if (__atomic_compare_exchange_n(&word_, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    while (__atomic_exchange_n(&word_, 2, __ATOMIC_ACQUIRE) != 0) futex_wait(&word_, 2);
  }
  void unlock() {
    if (__atomic_exchange_n(&word_, 0, __ATOMIC_RELEASE) == 2) futex_wake(&word_, 1);
  }
  // After fork, in the child, where no other thread exists.
  void reset() { word_ = 0; }

 private:
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
