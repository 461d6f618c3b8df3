// mq_notify(2): what its structure points to depends on the way of notification.
#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr i32 kSigevThread = 2;
constexpr u64 kCookieLength = 32;  // NOTIFY_COOKIE_LEN

struct SignalEvent {  // struct sigevent of the kernel
  u64 value;
  i32 signo;
  i32 notify;
  u32 rest[12];
};
static_assert(sizeof(SignalEvent) == 64);

}  // namespace

// SIGEV_THREAD (glibc): `signo` is a netlink socket, `value` points to a cookie that the kernel sends to it.
i64 sys_mq_notify(Thread&, const Call& c) {
  const int queue = static_cast<int>(c.arg[0]);
  if (c.arg[1] == 0) return host::call(__NR_mq_notify, queue, nullptr);
  SignalEvent event;
  if (read_guest(event, c.arg[1]) != 0) return -EFAULT;
  if (event.notify == kSigevThread) {
    if (!in_arena(event.value, kCookieLength)) return -EFAULT;
    if (is_private(event.signo)) return -EBADF;
  }
  return host::call(__NR_mq_notify, queue, &event);
}

}  // namespace barchan
