#include "monitor/trace.h"

#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "host/syscall.h"
#include "monitor/events/events.h"
#include "monitor/fds.h"
#include "monitor/table.h"

namespace barchan {

bool trace_on = false;

void trace_start() {
  trace_on = !host::is_error(host::call(__NR_fcntl, private_fd(kFdTrace), F_GETFD));
  if (trace_on) events::watch_for_trace();
}

namespace trace {
namespace {

constexpr u64 kSigPipe = u64{1} << (13 - 1);
constexpr u64 kFaults = u64{1} << (7 - 1) | u64{1} << (11 - 1);  // SIGBUS, SIGSEGV: uaccess needs them

// A trace that has no reader any more ends, and nothing of that may reach the guest as a SIGPIPE; but one that
// waited before is the guest's own and stays.
void give_up(bool was_pending) {
  trace_on = false;
  if (was_pending) return;
  const u64 none[2] = {};
  host::call(__NR_rt_sigtimedwait, &kSigPipe, nullptr, none, sizeof kSigPipe);
}

// Writes in one piece where the descriptor allows, waiting for a slow reader as the guest's own writes would.
void write_all(const char* data, size_t size) {
  const int fd = private_fd(kFdTrace);
  const u64 blocked = ~kFaults;
  u64 mask = 0, pending = 0;
  host::call(__NR_rt_sigprocmask, SIG_SETMASK, &blocked, &mask, sizeof mask);
  if (mask & kSigPipe) host::call(__NR_rt_sigpending, &pending, sizeof pending);
  while (size != 0) {
    const i64 n = host::call(__NR_write, fd, data, size);
    if (n == -EAGAIN) {
      pollfd wait = {fd, POLLOUT, 0};
      host::call(__NR_ppoll, &wait, 1, nullptr, nullptr, 0);
    } else if (n == -EPIPE) {
      give_up(pending & kSigPipe);
      break;
    } else if (n <= 0) {
      break;
    } else {
      data += n;
      size -= static_cast<size_t>(n);
    }
  }
  host::call(__NR_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
}

// Ends the line, whatever it lacks. `data` is the buffer that `line` writes to.
void write_line(const Text& line, char* data) {
  size_t size = line.size();
  if (line.full()) {
    memcpy(data + size - 4, "...\n", 4);
  } else {
    data[size++] = '\n';
  }
  write_all(data, size);
}

void put_pid(Text& out, i32 tid) { out.put('[').dec(tid).str("] "); }

}  // namespace

Calling::Calling(Thread& t, const Call& call) : call_(call), tid_(tid_of(t)), style_(Style::kWhole) {
  switch (static_cast<u32>(call.nr)) {
    case __NR_exit:
    case __NR_exit_group:
    case __NR_rt_sigreturn: style_ = Style::kNoReturn; break;
    case __NR_execve:
    case __NR_execveat: style_ = Style::kTwoParts; break;
    default: return;
  }
  char buffer[kLine];
  Text line(buffer, sizeof buffer);
  put_pid(line, tid_);
  put_call(line, call_, false, 0);
  line.str(style_ == Style::kNoReturn ? " = ?" : " <unfinished ...>");
  write_line(line, buffer);
}

i64 Calling::ended(Thread& t, i64 result) {
  // A fork's child comes out of the call as well; its parent writes the line.
  if (style_ == Style::kNoReturn || tid_of(t) != tid_) return result;
  char buffer[kLine];
  Text line(buffer, sizeof buffer);
  put_pid(line, tid_);
  if (style_ == Style::kTwoParts) {
    line.str("<... ").str(table::call_name(call_.nr)).str(" resumed>");
  } else {
    put_call(line, call_, true, result);
  }
  put_result(line, call_, result);
  write_line(line, buffer);
  return result;
}

void refused(const Thread& t, const Call& call, bool has_result, i64 result) {
  char buffer[kLine];
  Text line(buffer, sizeof buffer);
  put_pid(line, tid_of(t));
  put_call(line, call, false, 0);
  if (has_result) {
    put_result(line, call, result);
  } else {
    line.str(" = ?");
  }
  line.str(" (seccomp)");
  write_line(line, buffer);
}

}  // namespace trace
}  // namespace barchan
