// Purpose: the socket families that a guest may use: what programs in a container use. Every other one is as if
//          compiled out; in particular AF_VSOCK (it would talk to a hypervisor), AF_ALG and AF_XDP (pointers and
//          kernel surface) are not reachable.
// Owner:   monitor/syscalls; the host filter allows no other either. Threads: constant.
#ifndef BARCHAN_MONITOR_SYSCALLS_SOCKET_FAMILIES_H
#define BARCHAN_MONITOR_SYSCALLS_SOCKET_FAMILIES_H

#include "host/types.h"

namespace barchan {

constexpr u32 kFamilyUnix = 1, kFamilyInet = 2, kFamilyInet6 = 10, kFamilyNetlink = 16, kFamilyPacket = 17;
constexpr u32 kSocketFamilies[] = {kFamilyUnix, kFamilyInet, kFamilyInet6, kFamilyNetlink, kFamilyPacket};

// Netlink's protocols that programs ask with: NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_KOBJECT_UEVENT and
// NETLINK_GENERIC. The others configure firewalls, encryption and the like (include/uapi/linux/netlink.h).
constexpr u32 kNetlinkProtocols[] = {0, 4, 15, 16};

}  // namespace barchan

#endif
