// First start and exec, told apart by AT_EXECFN (abi/start.h).
#include "monitor/start.h"

#include <asm/ioctls.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/answers/answers.h"
#include "monitor/chaos/chaos.h"
#include "monitor/confine.h"
#include "monitor/counters.h"
#include "monitor/debug/debug.h"
#include "monitor/events/events.h"
#include "monitor/exec_state.h"
#include "monitor/fds.h"
#include "monitor/host_layout.h"
#include "monitor/image/identity.h"
#include "monitor/image/search.h"
#include "monitor/image/stack.h"
#include "monitor/intercept/intercept.h"
#include "monitor/mm/mm.h"
#include "monitor/policy.h"
#include "monitor/report.h"
#include "monitor/ring/ring.h"
#include "monitor/seccomp.h"
#include "monitor/signal/signal.h"
#include "monitor/start_config.h"
#include "monitor/syscalls/personality.h"
#include "monitor/trace.h"

namespace barchan {

Program program;

namespace {

constexpr int kSigSegv = 11;
constexpr u64 kUserRflags = 0x202;  // IF and the bit that is always 1
constexpr int kStartImageFd = 5;    // abi/start.h
constexpr char kDevFd[] = "/dev/fd/";

u32 flags;
Target target;
char found[kPathMax];  // the program's path, when PATH was searched
ExecState exec_state;

// No libc does it for a static PIE: what the linker put in the RELRO segment is constant from here on.
void protect_relocated(const KernelStack& kernel) {
  const auto* headers = reinterpret_cast<const Elf64_Phdr*>(kernel.auxiliary_value(AT_PHDR));
  const u64 n = kernel.auxiliary_value(AT_PHNUM);
  u64 base = 0;
  for (u64 i = 0; i < n; i++) {
    if (headers[i].p_type == PT_PHDR) base = reinterpret_cast<u64>(headers) - headers[i].p_vaddr;
  }
  for (u64 i = 0; base != 0 && i < n; i++) {
    if (headers[i].p_type != PT_GNU_RELRO) continue;
    u64 start = page_down(base + headers[i].p_vaddr);
    u64 end = page_down(base + headers[i].p_vaddr + headers[i].p_memsz);
    if (start < end) host::call(__NR_mprotect, start, end - start, PROT_READ);
  }
}

// The number in "/dev/fd/N", or -1.
i64 descriptor_in(const char* execfn) {
  return starts_with(execfn, kDevFd) ? parse_decimal(execfn + sizeof kDevFd - 1) : -1;
}

bool has_slash(const char* path) {
  while (*path != 0 && *path != '/') path++;
  return *path != 0;
}

[[noreturn]] void reject_layout(i64 error) {
  fail_start("ERR_MONITOR_CONFIG", error, "the monitor's memory does not lie above the guest's", nullptr,
             abi::kExitStartFailed);
}

[[noreturn]] void reject_arguments() {
  fail_start("ERR_MONITOR_CONFIG", EINVAL, "there is no argument", nullptr, abi::kExitStartFailed);
}

// "ENOENT" and the like of the program itself are 127, as a shell has it; anything else about it is 126.
[[noreturn]] void reject_program(i64 error, const char* path) {
  const char* culprit = target.culprit != nullptr ? target.culprit : path;
  bool absent = (error == -ENOENT || error == -ENOTDIR) && culprit == path;
  fail_start(absent ? "ERR_PROGRAM_NOT_FOUND" : "ERR_PROGRAM_NOT_EXECUTABLE", -error,
             target.why != nullptr ? target.why : "cannot load the program", culprit,
             absent ? abi::kExitNotFound : abi::kExitNotExecutable);
}

void remember_program(const char* execfn) {
  memcpy(program.execfn, execfn, min(strlen(execfn), kPathMax - 1));
  char buffer[64];
  Text link(buffer, sizeof buffer);
  link.str("/proc/self/fd/").dec(private_fd(kFdProgram));
  i64 n = host::call(__NR_readlinkat, AT_FDCWD, link.data(), program.path, sizeof program.path - 1);
  if (n < 0) memcpy(program.path, program.execfn, sizeof program.path);
}

// Gives the program its fixed private number; the descriptor survives exec, as the monitor's others do.
i64 park_program() {
  i64 r = host::call(__NR_dup3, target.program.fd, private_fd(kFdProgram), 0);
  if (r < 0) return r;
  host::call(__NR_close, target.program.fd);
  target.program.fd = private_fd(kFdProgram);
  return 0;
}

// Maps the program and makes the stack; leaves t.user ready. 0 or -errno.
i64 load(Thread& t, const KernelStack& kernel, const char* execfn, const char* command) {
  Loaded loaded;
  if (i64 r = load_target(target, loaded); r < 0) return r;
  u64 rsp = 0;
  if (i64 r = build_stack(kernel, target, loaded, execfn, rsp); r < 0) return r;
  publish_identity(target, loaded, command);
  if (target.interpreter.fd >= 0) host::call(__NR_close, target.interpreter.fd);
  t.user = {};
  t.user.rip = loaded.start;
  t.user.rsp = rsp;
  t.user.rflags = kUserRflags;
  return 0;
}

void load_policy() {
  const char* wrong = policy::load();
  if (wrong) fail_start("ERR_MONITOR_CONFIG", EINVAL, wrong, nullptr, abi::kExitStartFailed);
}

void load_chaos() {
  const char* wrong = chaos::load();
  if (wrong) fail_start("ERR_MONITOR_CONFIG", EINVAL, wrong, nullptr, abi::kExitStartFailed);
}

void start_events(u32 program_id) {
  const char* wrong = events::start(program_id);
  if (wrong) fail_start("ERR_MONITOR_CONFIG", EINVAL, wrong, nullptr, abi::kExitStartFailed);
}

// `slot`: the thread's among the counters, which it had before an exec, or 0.
Thread& first_thread(bool fixed_layout, u32 slot, const mm::HostFacts* facts) {
  trace_start();
  counters::start();
  mm::create(fixed_layout, facts);
  Thread* t = thread_first();
  t->fixed_layout = fixed_layout;
  if (slot != 0)
    counters::adopt(*t, slot);
  else
    counters::claim(*t);
  signals_start(*t);
  // Calls by the ring and from patched sites do not come by.
  ring::start(chaos::active ? 0 : flags);
  answers::start(flags);
  return *t;
}

// The program is the leader of its session and of the terminal's foreground, as a login shell is.
void take_terminal() {
  i64 r = host::call(__NR_setsid);
  // In a sandbox it may lead one already.
  if (r < 0 && host::call(__NR_getsid, 0) == host::call(__NR_getpid)) r = 0;
  if (r >= 0) r = host::call(__NR_ioctl, 0, TIOCSCTTY, 0);
  if (r < 0) fail_start("ERR_SYSTEM", -r, "cannot take the terminal", nullptr, abi::kExitStartFailed);
}

[[noreturn]] void first_start(const KernelStack& kernel) {
  StartConfig config = read_start_config();
  // A debugger is to see each call leave the guest, and the code as it is.
  if (config.blob.debug_fd != 0)
    config.blob.flags =
        (config.blob.flags & ~(abi::kStartRingOn | abi::kStartRingAuto | abi::kStartPatchOn)) |
        abi::kStartPatchOff | abi::kStartAnswersOff;
  flags = ring::choose(config.blob.flags);
  if (!(flags & abi::kStartEntrypoint)) flags |= abi::kStateFirst;
  // Where Node expects a failure already now, while the descriptors still lie as they were passed.
  const i32 report = config.blob.report_fd;
  if (report >= 0 && host::call(__NR_fcntl, report, F_GETFD) >= 0) report_to(report);
  const auto given = [](u32 fd) { return fd == 0 ? -1 : static_cast<int>(fd); };
  FdsError e = fds_start(
      config.blob.extra_fds, config.numbers,
      {config.blob.trace_fd, config.blob.report_fd, given(config.blob.policy_fd),
       given(config.blob.intercept_fd), given(config.blob.counters_fd), given(config.blob.breach_fd),
       given(config.blob.events_fd), given(config.blob.chaos_fd), given(config.blob.debug_fd)});
  if (e.error != 0) {
    const char* code = e.error == EMFILE ? "ERR_SYSTEM" : "ERR_MONITOR_CONFIG";
    fail_start(code, e.error, e.what, nullptr, abi::kExitStartFailed);
  }
  if (flags & abi::kStartFileLimit) fds_limit(config.blob.file_soft, config.blob.file_hard);
  load_policy();
  load_chaos();
  intercept::start(config.calls);
  if (flags & abi::kStartTerminal) take_terminal();
  if (flags & abi::kStartShowPolicy) show_policy();
  start_events(config.blob.program_id);
  if (flags & abi::kStartTrace) trace_start();
  if (config.cwd != nullptr) {
    i64 r = host::call(__NR_chdir, config.cwd);
    if (r < 0)
      fail_start("ERR_CWD", -r, "cannot enter the working directory", config.cwd, abi::kExitStartFailed);
  }
  if (flags & abi::kStartSelfTest) self_test_report();

  target_init(target);
  if ((flags & abi::kStartSearchPath) && !has_slash(config.program)) {
    if (i64 r = search_path(config.program, kernel.environment, found); r < 0) {
      if (r == -ENOENT) target.why = "the program is not in PATH";
      reject_program(r, r == -ENOENT ? config.program : found);
    }
    config.program = found;
  }
  i64 r = target_resolve(target, AT_FDCWD, config.program, 0, config.program, false);
  if (r == 0) r = park_program();
  if (r < 0) reject_program(r, config.program);
  remember_program(config.program);
  Thread& t = first_thread(personality_fixed_layout(), 0, nullptr);
  chaos::first(t);
  r = load(t, kernel, config.program, base_name(config.program));
  if (r < 0) reject_program(r, config.program);
  if (config.filter != nullptr && (r = seccomp_install(t, config.filter, config.blob.filter_length)) < 0)
    fail_start("ERR_SYSTEM", -r, "cannot keep the seccomp filter", nullptr, abi::kExitStartFailed);
  const bool debugged = config.blob.debug_fd != 0;
  confine({.traced = (flags & abi::kStartTrace) != 0,
           .intercepted = intercept::active,
           .chaotic = chaos::active,
           .debugged = debugged},
          config.blob.breach_fd != 0);
  events::executed(program.path, reinterpret_cast<const char* const*>(kernel.arguments), 0);
  if (debugged) debug::start(t, false);  // without a debugger there may be no fcntl(2) any more
  run(t);
}

// Nobody is left to return an error to: a program that cannot be loaded now ends as in Linux, by SIGSEGV.
[[noreturn]] void resume(const KernelStack& kernel, u32 base) {
  fds_resume(base, base, base);
  if (!exec_state_read(exec_state))
    fail_start("ERR_MONITOR_CONFIG", EINVAL, "the state handed over by exec is not valid", nullptr,
               abi::kExitStartFailed);
  fds_resume(base, exec_state.fd_soft, exec_state.fd_hard);
  load_policy();
  load_chaos();
  intercept::start(exec_state.intercepted);
  flags = exec_state.flags;
  start_events(exec_state.program_id);
  if (flags & abi::kStartTrace) trace_start();
  stack_limit_restore(exec_state.stack_soft);
  if (!layout_is_high()) reject_layout(ENOMEM);
  Thread& t = first_thread(exec_state.fixed_layout != 0, exec_state.counter_slot, &exec_state.host);
  t.chaos.lineage = exec_state.chaos;
  files::proc_copies_resume(exec_state.proc_copies);
  if (exec_state.seccomp_fd >= 0 && !seccomp_exec_read(t, exec_state.seccomp_fd)) die_by_signal(kSigSegv);
  target_init(target);
  i64 r = target_adopt(target, exec_state.program_fd, exec_state.interpreter_fd);
  if (r == 0) r = park_program();
  if (r < 0) die_by_signal(kSigSegv);
  remember_program(exec_state.execfn);
  r = load(t, kernel, exec_state.execfn, exec_state.command);
  if (r < 0) die_by_signal(kSigSegv);
  events::executed(program.path, reinterpret_cast<const char* const*>(kernel.arguments),
                   exec_state.call_number);
  debug::start(t, true);
  run(t);
}

}  // namespace

u32 start_flags() { return is_first_process() ? flags : flags & ~abi::kStateFirst; }

bool is_first_process() { return flags & abi::kStateFirst && !current().vforked; }

void start_restrict_execution() { __atomic_fetch_or(&flags, abi::kStateRestricted, __ATOMIC_RELAXED); }

bool execution_is_restricted() { return __atomic_load_n(&flags, __ATOMIC_RELAXED) & abi::kStateRestricted; }

void start_fork_child() { flags &= ~abi::kStateFirst; }

void start(const u64* stack) {
  KernelStack kernel(stack);
  protect_relocated(kernel);
  i64 image = descriptor_in(reinterpret_cast<const char*>(kernel.auxiliary_value(AT_EXECFN)));
  if (image >= static_cast<i64>(kMinFdBase)) resume(kernel, static_cast<u32>(image));
  const bool again = image == kStartImageFd;
  const bool named = !again && is_entrypoint();
  if (named && kernel.arguments[0] == nullptr) reject_arguments();
  if (!settle_layout(again) || named) {
    i64 r = -ELOOP;
    if (!again)
      r = host::call(__NR_execveat, kStartImageFd, "", kernel.arguments + named, kernel.environment,
                     AT_EMPTY_PATH);
    reject_layout(-r);
  }
  first_start(kernel);
}

}  // namespace barchan
