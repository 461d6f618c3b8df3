#include "monitor/spare_task.h"

#include <linux/sched.h>

#include "host/lock.h"
#include "monitor/thread.h"

namespace barchan {

extern "C" i64 barchan_clone(i64 nr, const u64 args[5], void* argument, void (*entry)(void*));

namespace {

host::Mutex lock;
alignas(16) u8 stack[4096];
u32 released;
u32 alive;  // the kernel clears it when the task has left its stack

void wait_for_release(void*) {
  while (__atomic_load_n(&released, __ATOMIC_ACQUIRE) == 0) host::futex_wait(&released, 0);
  for (;;) host::call(__NR_exit, 0);
}

}  // namespace

i64 spare_task_take() {
  lock.lock(thread_lock_token(), thread_is_gone);
  __atomic_store_n(&released, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&alive, 1, __ATOMIC_RELAXED);
  constexpr u64 kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                         CLONE_CHILD_CLEARTID;
  const u64 args[5] = {kFlags, host::word(stack + sizeof stack), 0, host::word(&alive), 0};
  const i64 result = barchan_clone(__NR_clone, args, nullptr, wait_for_release);
  if (result > 0) return 0;
  lock.unlock();
  return result;
}

void spare_task_release() {
  __atomic_store_n(&released, 1, __ATOMIC_RELEASE);
  host::futex_wake(&released, 1);
  // The kernel wakes it as a futex that processes may share.
  while (__atomic_load_n(&alive, __ATOMIC_ACQUIRE) != 0)
    host::call(__NR_futex, &alive, FUTEX_WAIT, 1, nullptr);
  lock.unlock();
}

void spare_task_forget() { lock.reset(); }

}  // namespace barchan
