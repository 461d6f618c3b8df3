// Purpose: the talk between Node and the process that opens sockets in a sandbox's network namespace (VirtualNetwork).
// Owner:   abi; spoken by lib/harness/network-sockets.ts and native/network.
// Trust:   the socket belongs to these two alone.
//
// `barchan-network`, one for each virtual network: fd 3 the socket (SOCK_SEQPACKET), fd 4 the keeper's pidfd, fd 5 the memfd
// with SandboxBlob. Its first packet is a line of JSON:
//   {"event":"ready"}
//   {"event":"failed","errno":N,"step":"...","path":"..."}   then it leaves (sandbox/failure.h)
// After that each packet to it is a SocketRequest, and it answers in order, with the socket when there is one. It leaves when
// the socket ends.
#ifndef BARCHAN_ABI_NETWORK_H
#define BARCHAN_ABI_NETWORK_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kNetworkMessageMost = 4096;

constexpr u32 kSocketStream = 1;  // listens
constexpr u32 kSocketDatagram = 2;

struct SocketRequest {
  u32 id;
  u32 type;
  u32 ipv6;        // 0: the first 4 bytes of `address` count
  u32 port;        // 1..65535
  u8 address[16];  // as in a packet
};
static_assert(sizeof(SocketRequest) == 32);

struct SocketAnswer {
  u32 id;
  u32 error;  // positive errno, or 0 with a descriptor
};
static_assert(sizeof(SocketAnswer) == 8);

}  // namespace barchan::abi

#endif
