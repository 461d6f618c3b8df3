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
u32 alive;  // set and cleared by the kernel: while the task exists and has not left its stack

void wait_for_release(void*) {
  while (__atomic_load_n(&released, __ATOMIC_ACQUIRE) == 0) host::futex_wait(&released, 0);
  for (;;) host::call(__NR_exit, 0);
}

// The kernel wakes it as a futex that processes may share.
void wait_until_gone() {
  for (u32 seen; (seen = __atomic_load_n(&alive, __ATOMIC_ACQUIRE)) != 0;)
    host::call(__NR_futex, &alive, FUTEX_WAIT, seen, nullptr);
}

}  // namespace

i64 spare_task_take() {
  // A killed process that shared this memory may have left one, which ends as well.
  if (lock.lock(thread_lock_token(), thread_is_gone)) wait_until_gone();
  __atomic_store_n(&released, 0, __ATOMIC_RELAXED);
  // Not CLONE_SYSVSEM: a process that shares it has a list of its own to undo, which kcmp(2) would show.
  constexpr u64 kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                         CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  const u64 args[5] = {kFlags, host::word(stack + sizeof stack), host::word(&alive), host::word(&alive), 0};
  const i64 result = barchan_clone(__NR_clone, args, nullptr, wait_for_release);
  if (result > 0) return 0;
  lock.unlock();
  return result;
}

void spare_task_release() {
  __atomic_store_n(&released, 1, __ATOMIC_RELEASE);
  host::futex_wake(&released, 1);
  wait_until_gone();
  lock.unlock();
}

void spare_task_forget() {
  lock.reset();
  alive = 0;
}

}  // namespace barchan
