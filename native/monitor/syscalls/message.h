// Purpose: sendmsg(2) and recvmsg(2) and what their plural forms share.
// Owner:   monitor/syscalls. Threads: any. Trust: headers, names, vectors and control data are GUEST values
//          and are copied once before they are looked at.
#ifndef BARCHAN_MONITOR_SYSCALLS_MESSAGE_H
#define BARCHAN_MONITOR_SYSCALLS_MESSAGE_H

#include <linux/uio.h>

#include "monitor/thread.h"

namespace barchan {

// struct user_msghdr of the kernel (include/linux/socket.h), x86-64.
struct MessageHeader {
  u64 name;
  i32 name_length;
  u32 pad0;
  u64 vector;
  u64 vector_count;
  u64 control;
  u64 control_length;
  u32 flags;
  u32 pad1;
};
static_assert(sizeof(MessageHeader) == 56);

struct MultiMessageHeader {  // struct mmsghdr
  MessageHeader header;
  u32 length;
  u32 pad;
};
static_assert(sizeof(MultiMessageHeader) == 64);

struct ControlHeader {  // struct cmsghdr
  u64 length;
  i32 level;
  i32 type;
};
static_assert(sizeof(ControlHeader) == 16);
constexpr u64 control_align(u64 length) { return (length + 7) & ~7ull; }

constexpr int kSolSocket = 1;
constexpr int kScmRights = 1;
constexpr int kScmPidfd = 4;
constexpr u32 kMsgCtrunc = 0x8;
constexpr u32 kMsgDontwait = 0x40;
constexpr u32 kMsgOob = 0x1;
constexpr u32 kMsgWaitforone = 0x10000;
constexpr u32 kMsgCompat = 0x80000000;  // MSG_CMSG_COMPAT: from 32-bit programs, refused before all else
constexpr u64 kAddressCapacity = 128;   // struct sockaddr_storage

// One sendmsg(2) with the header at guest address `message`. Bytes sent, -errno or kRestart. `partial` is set
// when not all of the message went.
i64 send_message(Thread& t, int fd, u64 message, u32 flags, bool& partial);

// One recvmsg(2); writes name, control and header back. Bytes received, -errno or kRestart. `got_flags` is
// msg_flags as the kernel gave them.
i64 receive_message(Thread& t, int fd, u64 message, u32 flags, u32& got_flags);

}  // namespace barchan

#endif
