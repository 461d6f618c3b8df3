// semctl(2): what its last argument is depends on the command. An array has as many elements as the set has
// semaphores (at most 65535 of 2 bytes), far less than the hole at the arena's end (abi/layout.h): that it begins in
// the arena is enough.
#include <linux/sem.h>

#include "host/uaccess.h"
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

constexpr u32 kSemStatAny = 20;

}  // namespace

i64 sys_semctl(Thread& t, const Call& c) {
  u32 id = static_cast<u32>(c.arg[0]), index = static_cast<u32>(c.arg[1]),
      command = static_cast<u32>(c.arg[2]);
  u64 argument = c.arg[3];
  switch (command) {
    case IPC_STAT:
    case IPC_SET:
    case SEM_STAT:
    case kSemStatAny:
    case IPC_INFO:
    case SEM_INFO:
    case GETALL:
    case SETALL:
      if (!in_arena(argument, 1)) return -EFAULT;
      break;
    case SETVAL: break;
    default: argument = 0;
  }
  return t.host(__NR_semctl, id, index, command, argument);
}

}  // namespace barchan
