// Purpose: what the socket calls share.
// Owner:   monitor/syscalls. Threads: any.
#ifndef BARCHAN_MONITOR_SYSCALLS_SOCKET_H
#define BARCHAN_MONITOR_SYSCALLS_SOCKET_H

#include "host/types.h"

namespace barchan {

// 0 when `fd` is a socket, else the error that any socket call gives before it looks at other arguments.
i64 socket_error(int fd);

// `error`, unless something is wrong with the socket itself: that comes first. kRestart stays.
i64 first_of(int fd, i64 error);

}  // namespace barchan

#endif
