#include "monitor/exec_state.h"

#include <linux/fcntl.h>

#include "abi/start.h"
#include "host/syscall.h"
#include "monitor/fds.h"

namespace barchan {
namespace {

template <size_t kSize> bool terminated(const char (&text)[kSize]) {
  for (char c : text) {
    if (c == 0) return true;
  }
  return false;
}

}  // namespace

i64 exec_state_write(const ExecState& state) {
  // A pipe: to a file, a memfd too, the guest's RLIMIT_FSIZE would apply. The smallest pipe holds two pages.
  // One of its own each time: a fork shares the old one with another process that may exec as well.
  static_assert(sizeof state <= 2 * kPageSize);
  int ends[2];
  i64 r = host::call(__NR_pipe2, ends, O_CLOEXEC | O_NONBLOCK);
  if (r < 0) return r;
  i64 written = host::call(__NR_write, ends[1], &state, sizeof state);
  r = written == sizeof state ? host::call(__NR_dup3, ends[0], private_fd(kFdExecState), 0)
                              : (written < 0 ? written : -EIO);
  host::call(__NR_close, ends[0]);
  host::call(__NR_close, ends[1]);
  return r < 0 ? r : 0;
}

void exec_state_drop() { host::call(__NR_close, private_fd(kFdExecState)); }

bool exec_state_read(ExecState& state) {
  i64 n = host::call(__NR_read, private_fd(kFdExecState), &state, sizeof state);
  exec_state_drop();
  return n == sizeof state && state.magic == abi::kStartMagic && state.version == abi::kStartVersion &&
         state.size == sizeof state && state.pid == host::call(__NR_getpid) && state.program_fd >= 0 &&
         terminated(state.execfn) && terminated(state.command);
}

}  // namespace barchan
