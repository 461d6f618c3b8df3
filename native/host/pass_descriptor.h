// Purpose: a descriptor on its way through a UNIX socket (man 7 unix, SCM_RIGHTS), by the host's own calls.
// Owner:   host. Threads: any, no state. Trust: the caller says who is at the other end.
#ifndef BARCHAN_HOST_PASS_DESCRIPTOR_H
#define BARCHAN_HOST_PASS_DESCRIPTOR_H

#include "host/syscall.h"

namespace barchan::host {

struct MessageVector {  // iovec
  const void* base;
  size_t size;
};

struct MessageHeader {  // msghdr
  void* name;
  int name_size;
  MessageVector* vectors;
  size_t vector_count;
  void* control;
  size_t control_size;
  int flags;
};

struct MessageRights {  // cmsghdr with one descriptor, or two
  size_t size;
  int level, type;
  int fd;
  int second;
};
constexpr size_t kRightsSize = sizeof(size_t) + 3 * sizeof(int);                // of one
constexpr int kLevelSocket = 1, kTypeRights = 1;                                // SOL_SOCKET, SCM_RIGHTS
constexpr u64 kDontWait = 0x40, kNoSignal = 0x4000, kCloseOnExec = 0x40000000;  // MSG_*

// Sends bytes, with descriptor `fd` when it is not negative, and then `second` when that is not. What sendmsg(2) returns.
inline i64 send_descriptor(int socket, const void* bytes, size_t size, int fd, int second = -1) {
  MessageVector vector = {bytes, size};
  MessageRights rights = {kRightsSize + (second >= 0 ? sizeof(int) : 0), kLevelSocket, kTypeRights, fd,
                          second};
  MessageHeader header = {nullptr, 0, &vector, 1, nullptr, 0, 0};
  if (fd >= 0) {
    header.control = &rights;
    header.control_size = sizeof rights;
  }
  i64 r;
  do r = call(__NR_sendmsg, socket, &header, kNoSignal);
  while (r == -EINTR);
  return r;
}

// Takes one message of one byte without waiting. The descriptor that came with it (close-on-exec), or -EAGAIN: nothing is there
// yet, or another error: none will come.
inline i64 receive_descriptor(int socket) {
  char byte = 0;
  MessageVector vector = {&byte, 1};
  MessageRights rights = {};
  MessageHeader header = {nullptr, 0, &vector, 1, &rights, sizeof rights, 0};
  i64 r;
  do r = call(__NR_recvmsg, socket, &header, kDontWait | kCloseOnExec);
  while (r == -EINTR);
  if (r < 0) return r;
  const bool given = r == 1 && header.control_size >= kRightsSize && rights.size == kRightsSize &&
                     rights.level == kLevelSocket && rights.type == kTypeRights;
  return given ? rights.fd : -ENODATA;
}

}  // namespace barchan::host

#endif
