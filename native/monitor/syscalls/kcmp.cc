// kcmp(2): whether two processes share a resource. Descriptors are the guests' only.
#include "host/uaccess.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr int kFile = 0, kEpollTarget = 7, kTypes = 8;  // KCMP_FILE, KCMP_EPOLL_TFD, KCMP_TYPES

struct EpollSlot {  // struct kcmp_epoll_slot
  u32 epoll, target, offset;
};

// A descriptor of any guest process: all have the same base.
bool hidden(u64 number) { return is_private(static_cast<int>(number)); }

}  // namespace

i64 sys_kcmp(Thread& t, const Call& c) {
  const int type = static_cast<int>(c.arg[2]);
  u64 second = c.arg[4];
  EpollSlot slot;
  if (type == kFile && (hidden(c.arg[3]) || hidden(second))) return -EBADF;
  if (type == kEpollTarget) {
    if (hidden(c.arg[3])) return -EBADF;
    if (read_guest(slot, second) != 0) return -EFAULT;
    if (hidden(slot.epoll) || hidden(slot.target)) return -EBADF;
    second = host::word(&slot);
  }
  if (type >= kTypes) second = 0;  // whatever it may come to mean
  return t.host(__NR_kcmp, c.arg[0], c.arg[1], type, c.arg[3], second);
}

}  // namespace barchan
