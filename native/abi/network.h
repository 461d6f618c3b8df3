// Purpose: the talk between Node and the process that opens sockets where a sandbox's programs may have them: in its network
//          namespace (VirtualNetwork), or apart from that and from the host's (InterceptedCall.serve()).
// Owner:   abi; spoken by lib/network-sockets.ts and native/network.
// Trust:   the socket belongs to these two alone.
//
// `barchan-network`: fd 3 the socket (SOCK_SEQPACKET), fd 4 the keeper's pidfd, fd 5 the memfd
// with SandboxBlob. Without arguments it joins the sandbox's network namespace; with one, it makes another, in the sandbox's user
// namespace, in which there is nothing but 127.0.0.1 and ::1. Its first packet is a line of JSON:
//   {"event":"ready"}
//   {"event":"failed","errno":N,"step":"...","path":"..."}   then it leaves (sandbox/failure.h)
// After that each packet to it is a SocketRequest, and it answers in order, with the socket or both ends when there are any. It
// leaves when the socket ends.
#ifndef BARCHAN_ABI_NETWORK_H
#define BARCHAN_ABI_NETWORK_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kNetworkMessageMost = 4096;

constexpr u32 kSocketStream = 1;  // listens
constexpr u32 kSocketDatagram = 2;
// Two ends that are connected: of TCP over the loopback interface, of IPv4 where there is no IPv6, or a UNIX socket pair.
// `address` and `port` do not count.
constexpr u32 kSocketTcpPair = 3;
constexpr u32 kSocketUnixPair = 4;

struct SocketRequest {
  u32 id;
  u32 type;
  u32 ipv6;        // 0: the first 4 bytes of `address` count
  u32 port;        // 1..65535, of one socket
  u8 address[16];  // as in a packet
};
static_assert(sizeof(SocketRequest) == 32);

struct SocketAnswer {
  u32 id;
  u32 error;  // positive errno, or 0 with the descriptors
};
static_assert(sizeof(SocketAnswer) == 8);

}  // namespace barchan::abi

#endif
