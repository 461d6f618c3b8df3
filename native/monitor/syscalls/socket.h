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

// The answer to an option or a level that this gate does not let through, as the socket's family gives it.
// AF_INET reports an unknown level another way when an option is read (`get_level`).
i64 option_unknown(int fd, bool get_level);

}  // namespace barchan

#endif
