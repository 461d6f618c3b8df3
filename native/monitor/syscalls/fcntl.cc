// fcntl(2): a table of the commands that programs use. An unknown command is EINVAL, as it is to an older kernel.
#include <linux/fcntl.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/proc_copies.h"
#include "monitor/syscalls/proc_mem.h"

namespace barchan {
namespace {

enum class Argument : u8 {
  kValue,      // nothing, flags, a number
  kPointer,    // to a flat structure of `size` bytes
  kDuplicate,  // the least number of a new descriptor
  kFd,         // another descriptor
};

struct Command {
  u32 number;
  Argument argument;
  u8 size;
};

constexpr u32 kLinux = F_LINUX_SPECIFIC_BASE;

// Numbers without a name here are newer than the oldest headers that this is built with.
constexpr Command kCommands[] = {
    {F_DUPFD, Argument::kDuplicate, 0},
    {F_GETFD, Argument::kValue, 0},
    {F_SETFD, Argument::kValue, 0},
    {F_GETFL, Argument::kValue, 0},
    {F_SETFL, Argument::kValue, 0},
    {F_GETLK, Argument::kPointer, sizeof(flock)},
    {F_SETLK, Argument::kPointer, sizeof(flock)},
    {F_SETLKW, Argument::kPointer, sizeof(flock)},
    {F_SETOWN, Argument::kValue, 0},
    {F_GETOWN, Argument::kValue, 0},
    {F_SETSIG, Argument::kValue, 0},
    {F_GETSIG, Argument::kValue, 0},
    {F_SETOWN_EX, Argument::kPointer, sizeof(f_owner_ex)},
    {F_GETOWN_EX, Argument::kPointer, sizeof(f_owner_ex)},
    {F_GETOWNER_UIDS, Argument::kPointer, 2 * sizeof(u32)},
    {F_OFD_GETLK, Argument::kPointer, sizeof(flock)},
    {F_OFD_SETLK, Argument::kPointer, sizeof(flock)},
    {F_OFD_SETLKW, Argument::kPointer, sizeof(flock)},
    {F_SETLEASE, Argument::kValue, 0},
    {F_GETLEASE, Argument::kValue, 0},
    {F_NOTIFY, Argument::kValue, 0},
    {kLinux + 3, Argument::kFd, 0},     // F_DUPFD_QUERY, 6.10
    {kLinux + 4, Argument::kValue, 0},  // F_CREATED_QUERY, 6.12
    {F_CANCELLK, Argument::kPointer, sizeof(flock)},
    {F_DUPFD_CLOEXEC, Argument::kDuplicate, 0},
    {F_SETPIPE_SZ, Argument::kValue, 0},
    {F_GETPIPE_SZ, Argument::kValue, 0},
    {F_ADD_SEALS, Argument::kValue, 0},
    {F_GET_SEALS, Argument::kValue, 0},
    {F_GET_RW_HINT, Argument::kPointer, sizeof(u64)},
    {F_SET_RW_HINT, Argument::kPointer, sizeof(u64)},
    {F_GET_FILE_RW_HINT, Argument::kPointer, sizeof(u64)},
    {F_SET_FILE_RW_HINT, Argument::kPointer, sizeof(u64)},
};

const Command* find(u32 number) {
  for (const Command& command : kCommands) {
    if (command.number == number) return &command;
  }
  return nullptr;
}

}  // namespace

i64 sys_fcntl(Thread& t, const Call& c) {
  u32 number = static_cast<u32>(c.arg[1]);
  u64 argument = c.arg[2];  // GUEST
  const Command* command = find(number);
  if (command == nullptr) {
    // What is wrong with the descriptor comes first; the host says it of any unknown command.
    constexpr u32 kNoCommand = 0x7ffffff0;
    return host::call(__NR_fcntl, c.arg[0], kNoCommand, 0);
  }
  switch (command->argument) {
    case Argument::kValue: argument = static_cast<u32>(argument); break;
    case Argument::kPointer: argument = check::pointer(argument, command->size, false); break;
    case Argument::kFd:
      if (is_private(static_cast<int>(argument))) argument = check::kClosedFd;
      break;
    case Argument::kDuplicate: {
      u32 least = static_cast<u32>(argument);
      if (least >= fd_soft_limit()) {
        i64 flags = host::call(__NR_fcntl, c.arg[0], F_GETFD, 0);
        return flags < 0 ? flags : -EINVAL;
      }
      if (!fd_lock_shared(t)) return host::kRestart;
      i64 result = fd_created(host::call(__NR_fcntl, c.arg[0], number, least));
      fd_unlock_shared(t);
      files::note_duplicate(static_cast<int>(c.arg[0]), result);
      return result;
    }
  }
  i64 result = t.host(__NR_fcntl, c.arg[0], number, argument);
  if (number == F_GETFL && result >= 0 && (result & O_PATH) && files::proc_mem_in_use) [[unlikely]] {
    const i64 shown = files::proc_mem_call(c);
    return shown < 0 ? result : shown;
  }
  // Set by the gate on whatever it opens (paths.h). It matters at opening only, so nobody misses their own.
  if (number == F_GETFL && result >= 0 && !(result & O_PATH)) result &= ~i64{O_NOFOLLOW};
  return result;
}

}  // namespace barchan
