// Purpose: one line per system call on the private trace descriptor, decoded by the table's argument kinds:
//            [pid] name(argument, ...) = result ERRNO (text)
// Owner:   monitor (tracer). Threads: any; a line is one write(2), so lines do not interleave.
// Trust:   arguments are GUEST values; guest memory is read through uaccess only. Whatever could act on a
//          terminal (control and non-ASCII bytes) is escaped.
//
// A line is written when a call ends. Calls that may not come back are written when they begin: exit,
// exit_group and rt_sigreturn as `= ?`; execve and execveat as `<unfinished ...>`, then `<... resumed>` when
// they failed.
#ifndef BARCHAN_MONITOR_TRACE_H
#define BARCHAN_MONITOR_TRACE_H

#include "host/string.h"
#include "monitor/thread.h"

namespace barchan {

// Set by trace_start() only; then every dispatch comes by (events::watched()).
extern bool trace_on;

// Pre: private descriptors are parked (fds_start or fds_resume), events::start(). Traces from now on if kFdTrace is
// open.
void trace_start();

namespace trace {

// A line holds what a pipe takes in one piece (PIPE_BUF).
constexpr size_t kLine = 4096;
constexpr size_t kBufferShown = 32;
constexpr size_t kPathShown = 256;

// A call being made, with trace_on. Construct before, ended() after; both may write.
class Calling {
 public:
  Calling(Thread& t, const Call& call);
  i64 ended(Thread& t, i64 result);

 private:
  enum class Style : u8 { kWhole, kNoReturn, kTwoParts };
  const Call call_;  // as the guest made it, not as the checks changed it
  const i32 tid_;
  Style style_;
};

// A call that the guest's own seccomp filter did not let through: with the result that the filter gave it, or `= ?`
// when it raises a signal instead.
void refused(const Thread& t, const Call& call, bool has_result, i64 result);

// `name(argument, ...)`; with `done`, what the call wrote to memory is shown as well. Exported for tests.
void put_call(Text& out, const Call& call, bool done, i64 result);
// One argument of it. Pre: i < used_arguments(call).
void put_argument(Text& out, const Call& call, unsigned i, bool done, i64 result);
// Without those that this very call does not use and that hold chance values. 0 for an unknown number.
unsigned used_arguments(const Call& call);
// An environment, of which only the number of strings is told.
bool shows_count_only(const Call& call, unsigned i);
// Whether argument i leads to a struct sockaddr, and of which size. `written`: the call has filled in its results.
bool is_socket_address(const Call& call, unsigned i, bool written, u64& size);
// The result is an address.
bool gives_address(const Call& call);
// ` = result ERRNO (text)`.
void put_result(Text& out, const Call& call, i64 result);

}  // namespace trace
}  // namespace barchan

#endif
