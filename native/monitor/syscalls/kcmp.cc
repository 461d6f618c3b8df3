// kcmp(2): whether two processes share a resource. Descriptors are the guests' only.
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr int kFile = 0, kEpollTarget = 7, kTypes = 8;  // KCMP_FILE, KCMP_EPOLL_TFD, KCMP_TYPES

struct EpollSlot {  // struct kcmp_epoll_slot
  u32 epoll, target, offset;
};

// A descriptor of any guest process (all have the same base); a private one becomes one that is never open.
u32 visible(u64 number) {
  const int fd = static_cast<int>(number);
  return static_cast<u32>(is_private(fd) ? check::kClosedFd : fd);
}

}  // namespace

i64 sys_kcmp(Thread& t, const Call& c) {
  const int type = static_cast<int>(c.arg[2]);
  u64 first = c.arg[3], second = c.arg[4];
  EpollSlot slot;
  if (type == kFile || type == kEpollTarget) first = visible(first);
  if (type == kFile) second = visible(second);
  if (type == kEpollTarget) {
    if (read_guest(slot, second) == 0) {
      slot.epoll = visible(slot.epoll);
      slot.target = visible(slot.target);
      second = host::word(&slot);
    } else {
      second = check::kBadPointer;
    }
  }
  if (type >= kTypes) second = 0;  // whatever it may come to mean
  return t.host(__NR_kcmp, c.arg[0], c.arg[1], type, first, second);
}

}  // namespace barchan
