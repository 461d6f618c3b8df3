// Purpose: the parent of a guest's first process. It passes on how that process fares, forwards signals,
//          adopts orphaned descendants, and ends all of them when Node asks or is gone.
// Owner:   supervisor: one small freestanding process for each program that Node starts.
// Threads: one. Trust: argv, envp and StartBlob come from Node; nothing comes from the guest.
//
// Why a process of its own: PR_SET_PDEATHSIG is tied to the thread that forked, which in Node may be a
// worker that ends, and it does not reach grandchildren; a process group does not hold a guest that makes
// new ones. A child subreaper has every descendant below it for as long as it lives.
#include "abi/start.h"
#include "abi/supervisor.h"
#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/failure.h"
#include "supervisor/breach.h"
#include "supervisor/family.h"
#include "supervisor/join.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/signalfd.h>
#include <linux/time_types.h>
#include <linux/wait.h>

namespace barchan::supervisor {
namespace {

constexpr int kSignals = 64;
constexpr u32 kDescriptorMost = 1u << 20;  // more than a start passes on
// Longer than a busy Node needs to tell us about a signal that our whole group was sent.
constexpr u64 kForwardWindowMs = 3000;
// Between the rounds of sweep(), doubled while nobody dies: a kernel that is slow to end processes is not to be kept from it.
constexpr u64 kSweepIntervalMs = 5, kGreatestSweepIntervalMs = 160;

struct Supervisor {
  int control = -1;
  int signals = -1;
  i32 child = 0;
  i32 init = 0;   // of the child's PID namespace when it is in a sandbox, else 0
  int life = -1;  // tells the init (supervisor/init.h)
  BreachWatch breach;
  bool ended = false;  // the first process
  bool seen = false;   // its end, by Node
  bool keep = false;
  bool finish = false;
  u64 deadline_ms = 0;             // of the sandbox; 0: none
  u64 seen_ms[kSignals + 1] = {};  // when our group was last sent each signal; 0 = not, or used up
};
Supervisor self;

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

u64 now_ms() {
  __kernel_timespec now = {};
  host::call(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, &now);
  return static_cast<u64>(now.tv_sec) * 1000 + static_cast<u64>(now.tv_nsec) / 1000000 + 1;
}

// The socket is blocking and Node reads it; when Node is gone nobody needs the line (EPIPE).
void send(const Text& line) {
  size_t done = 0;
  while (done < line.size()) {
    const i64 count = host::call(__NR_sendto, self.control, line.data() + done, line.size() - done,
                                 0x4000 /* MSG_NOSIGNAL */);
    if (count == -EINTR) continue;
    if (count <= 0) return;
    done += static_cast<size_t>(count);
  }
}

void send_failed(const char* what, i64 error) {
  char buffer[160];
  send(Text(buffer, sizeof buffer)
           .str("{\"event\":\"failed\",\"errno\":")
           .dec(-error)
           .str(",\"what\":\"")
           .str(what)
           .str("\"}\n"));
}

void send_exit(int status, const rusage& usage) {
  char buffer[256];
  Text line(buffer, sizeof buffer);
  line.str("{\"event\":\"exit\",\"status\":").dec(status);
  line.str(",\"userUs\":").dec(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec);
  line.str(",\"systemUs\":").dec(usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
  line.str(",\"maxRssKiB\":").dec(usage.ru_maxrss).str("}\n");
  send(line);
}

void send_breach(const Breach& breach) {
  char buffer[512];
  Text line(buffer, sizeof buffer);
  line.str("{\"event\":\"breach\"");
  if (breach.known) {
    line.str(",\"pid\":").dec(breach.process);
    line.str(",\"guestPid\":").dec(breach.guest_process).str(",\"guestTid\":").dec(breach.guest_thread);
    line.str(",\"call\":").dec(breach.call).str(",\"arch\":").udec(breach.architecture);
    line.str(",\"instruction\":\"").hex(breach.instruction).str("\",\"arguments\":[");
    for (u32 i = 0; i < 6; i++) line.str(i == 0 ? "\"" : ",\"").hex(breach.arguments[i]).str("\"");
    line.str("]");
  }
  send(line.str("}\n"));
}

// Reaps whatever can be reaped. Returns false when there are no children at all.
bool reap() {
  for (;;) {
    int status = 0;
    rusage usage = {};
    const i64 pid = host::call(__NR_wait4, -1, &status, WNOHANG | WUNTRACED, &usage);
    if (pid == -EINTR) continue;
    if (pid < 0) return false;
    if (pid == 0) return true;
    if (pid != self.child || self.ended) continue;
    if ((status & 0xff) == 0x7f) {
      char buffer[64];
      send(Text(buffer, sizeof buffer)
               .str("{\"event\":\"stopped\",\"signal\":")
               .dec(status >> 8 & 0xff)
               .str("}\n"));
    } else {
      self.ended = true;
      if (self.life >= 0) host::call(__NR_write, self.life, "", 1);
      send_exit(status, usage);
    }
  }
}

void drain_signals() {
  signalfd_siginfo info[8];
  for (;;) {
    const i64 size = host::call(__NR_read, self.signals, info, sizeof info);
    if (size <= 0) return;
    for (size_t i = 0; i < static_cast<size_t>(size) / sizeof info[0]; i++)
      if (info[i].ssi_signo <= kSignals) self.seen_ms[info[i].ssi_signo] = now_ms();
  }
}

void signal_child(int signal) {
  // Not yet reaped, so the number cannot belong to another process.
  if (!self.ended) host::call(__NR_kill, self.child, signal);
}

// A signal that Node itself received. From a terminal, or by kill(2) of a group, the child has it too.
void forward(int signal) {
  drain_signals();
  const u64 seen = self.seen_ms[signal];
  self.seen_ms[signal] = 0;
  const bool same_group = host::call(__NR_getpgid, self.child) == host::call(__NR_getpgid, 0);
  if (same_group && seen != 0 && now_ms() - seen < kForwardWindowMs) return;
  signal_child(signal);
}

void obey(u8 operation, u8 argument) {
  const bool is_signal = argument >= 1 && argument <= kSignals;
  switch (operation) {
    case abi::kOpSignal:
      if (is_signal) signal_child(argument);
      break;
    case abi::kOpForward:
      if (is_signal) forward(argument);
      break;
    case abi::kOpEnd: self.finish = true; break;
    case abi::kOpKeep:
      // A sandbox keeps nothing: its init would not outlive us.
      self.keep = self.init == 0;
      break;
    case abi::kOpSeen: self.seen = true; break;
    default: break;
  }
}

void read_control() {
  static u8 pending[2];
  static size_t have = 0;
  u8 bytes[64];
  const i64 size =
      host::call(__NR_recvfrom, self.control, bytes, sizeof bytes, 0x40 /* MSG_DONTWAIT */, nullptr, nullptr);
  if (size == -EAGAIN || size == -EINTR) return;
  if (size <= 0) {
    // Node is gone, which ends the guest, unless only its background was left and shall stay.
    if (self.ended && self.keep)
      self.seen = true;
    else
      self.finish = true;
    return;
  }
  for (i64 i = 0; i < size; i++) {
    pending[have++] = bytes[i];
    if (have == 2) {
      have = 0;
      obey(pending[0], pending[1]);
    }
  }
}

// Ends every process of the guest. Returns when there is none.
void sweep() {
  for (u64 pause = kSweepIntervalMs; reap();) {
    // With the init of a PID namespace the kernel ends all others, and the init last.
    if (self.init != 0)
      host::call(__NR_kill, self.init, SIGKILL);
    else if (signal_family(SIGKILL) < 0)
      signal_child(SIGKILL);
    pollfd wait = {self.signals, POLLIN, 0};
    const __kernel_timespec interval = {0, static_cast<long long>(pause * 1000000)};
    if (host::call(__NR_ppoll, &wait, 1, &interval, nullptr, 8) > 0) {
      drain_signals();
      pause = kSweepIntervalMs;
    } else {
      pause = min(pause * 2, kGreatestSweepIntervalMs);
    }
  }
}

// Milliseconds until the sandbox's time is over, -1: it never is. When it is over the program is ended.
i64 time_left() {
  if (self.deadline_ms == 0 || self.finish) return -1;
  const u64 now = now_ms();
  if (now < self.deadline_ms) return static_cast<i64>(self.deadline_ms - now);
  char buffer[64];
  send(Text(buffer, sizeof buffer).str("{\"event\":\"limit\",\"limit\":\"wallMs\"}\n"));
  self.finish = true;
  return -1;
}

[[noreturn]] void supervise() {
  for (;;) {
    const i64 left = time_left();
    const bool children = reap();
    if (self.seen && self.ended && (!children || self.keep)) leave(0);
    if (self.finish) {
      sweep();
      leave(0);
    }
    pollfd wait[3] = {
        {self.signals, POLLIN, 0}, {self.control, POLLIN, 0}, {self.breach.descriptor(), POLLIN, 0}};
    const __kernel_timespec time = {left / 1000, left % 1000 * 1000000};
    host::call(__NR_ppoll, wait, 3, left < 0 ? nullptr : &time, nullptr, 8);
    if (wait[0].revents != 0) drain_signals();
    if (wait[1].revents != 0) read_control();
    if (Breach breach; wait[2].revents != 0 && self.breach.look(wait[2].revents, breach)) {
      send_breach(breach);
      self.finish = true;
    }
  }
}

// So that a process list shows the program once, and this process by its own name.
void take_name(char** argv, int argc, const char* name) {
  char* start = argv[0];
  char* end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
  memset(start, 0, static_cast<size_t>(end - start));
  Text(start, static_cast<size_t>(end - start)).str(name);
  host::call(__NR_prctl, PR_SET_NAME, "barchan-super", 0, 0, 0);
}

// Leaves open, besides the control socket, what is watched.
void close_others() {
  const int life = self.control + 1, breach = self.control + 2, rest = self.control + 3;
  if (self.life >= 0) self.life = static_cast<int>(host::call(__NR_fcntl, self.life, F_DUPFD_CLOEXEC, rest));
  if (self.breach.descriptor() >= 0)
    self.breach.move(
        static_cast<int>(host::call(__NR_fcntl, self.breach.descriptor(), F_DUPFD_CLOEXEC, rest)));
  self.breach.move(breach);
  if (self.life >= 0) self.life = static_cast<int>(host::call(__NR_dup3, self.life, life, O_CLOEXEC));
  host::call(__NR_close_range, 0, self.control - 1, 0);
  if (self.life < 0) host::call(__NR_close, life);
  if (self.breach.descriptor() < 0) host::call(__NR_close, breach);
  host::call(__NR_close_range, rest, ~0u, 0);
}

struct Execution {
  int argc;
  char** argv;
  char** environment;
  u64 mask;
};

i64 execute_monitor(void* context) {
  const auto& execution = *static_cast<Execution*>(context);
  host::call(__NR_rt_sigprocmask, SIG_SETMASK, &execution.mask, nullptr, sizeof execution.mask);
  host::call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // Not execveat with an empty path: that is how a monitor starts its successor (abi/start.h).
  return host::call(__NR_execve, "/proc/self/fd/5", execution.argv, execution.environment);
}

void rename_init(void* context) {
  const auto& execution = *static_cast<Execution*>(context);
  take_name(execution.argv, execution.argc, "barchan-init");
}

// Starts the monitor as a child, or leaves.
void start_plain(Execution& execution) {
  const i64 parent = host::call(__NR_getpid);
  const i64 child = host::call(__NR_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) {
    send_failed("fork", child);
    leave(abi::kExitStartFailed);
  }
  if (child == 0) {
    host::call(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (host::call(__NR_getppid) != parent) leave(abi::kExitStartFailed);
    send_failed("execve of the monitor", execute_monitor(&execution));
    leave(abi::kExitStartFailed);
  }
  self.child = static_cast<i32>(child);
}

void start_in_sandbox(int keeper, Execution& execution) {
  // What is inherited by the processes of the start must not reach the monitor.
  host::call(__NR_fcntl, keeper, F_SETFD, FD_CLOEXEC);
  host::call(__NR_fcntl, keeper + 1, F_SETFD, FD_CLOEXEC);
  const Roles roles = {rename_init, execute_monitor, &execution};
  Joined joined;
  if (const sandbox::Failure failure = join_sandbox(keeper, keeper + 1, roles, joined)) {
    static char buffer[2 * 4096];
    Text line(buffer, sizeof buffer);
    put_failure(line, failure);
    send(line);
    leave(abi::kExitStartFailed);
  }
  self.child = joined.child;
  self.init = joined.init;
  self.deadline_ms = joined.deadline_ms;
  self.life = joined.life;
}

[[noreturn]] void main(u64* stack) {
  const int argc = static_cast<int>(stack[0]);
  auto** argv = reinterpret_cast<char**>(stack + 1);
  char** environment = argv + argc + 1;

  abi::StartBlob blob = {};
  if (argc < 1 || host::call(__NR_pread64, 4, &blob, sizeof blob, 0) != static_cast<i64>(sizeof blob) ||
      blob.magic != abi::kStartMagic || blob.version != abi::kStartVersion || blob.extra_fds > 1000) {
    leave(abi::kExitStartFailed);
  }
  const int keeper = blob.sandbox_fd < kDescriptorMost ? static_cast<int>(blob.sandbox_fd) : 0;
  int last = max(max(static_cast<int>(5 + blob.extra_fds), blob.trace_fd), blob.report_fd);
  const u32 passed[] = {blob.policy_fd,
                        blob.intercept_fd,
                        blob.counters_fd,
                        blob.breach_fd,
                        blob.chaos_fd,
                        blob.debug_fd,
                        blob.events_fd == 0 ? 0 : blob.events_fd + 1};
  for (const u32 fd : passed)
    if (fd < kDescriptorMost) last = max(last, static_cast<int>(fd));
  self.control = max(last, keeper == 0 ? 0 : keeper + 1) + 1;
  host::call(__NR_fcntl, self.control, F_SETFD, FD_CLOEXEC);
  host::call(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (blob.breach_fd != 0) {
    if (const i64 r = self.breach.open(static_cast<int>(blob.breach_fd)); r < 0) {
      send_failed("socketpair", r);
      leave(abi::kExitStartFailed);
    }
  }

  u64 all = ~0ull;
  Execution execution = {argc, argv, environment, 0};
  host::call(__NR_rt_sigprocmask, SIG_BLOCK, &all, &execution.mask, sizeof all);
  if (keeper == 0)
    start_plain(execution);
  else
    start_in_sandbox(keeper, execution);

  // Guests of the same user must not be able to look into this process or change it through /proc.
  host::call(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  take_name(argv, argc, "barchan-supervisor");
  // The guest's descriptors close when the guest closes them, not when this process ends.
  close_others();
  host::call(__NR_chdir, "/");
  char buffer[64];
  send(Text(buffer, sizeof buffer).str("{\"event\":\"started\",\"pid\":").dec(self.child).str("}\n"));

  self.signals =
      static_cast<int>(host::call(__NR_signalfd4, -1, &all, sizeof all, SFD_NONBLOCK | SFD_CLOEXEC));
  if (self.signals < 0) {
    self.signals = self.control;  // sweep() then polls by time only
    sweep();
    leave(abi::kExitStartFailed);
  }
  supervise();
}

}  // namespace
}  // namespace barchan::supervisor

// Called by host/start_x86_64.S, after relocation.
extern "C" [[noreturn]] void barchan_main(barchan::u64* stack) { barchan::supervisor::main(stack); }
