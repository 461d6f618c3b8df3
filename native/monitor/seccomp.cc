#include "monitor/seccomp.h"

#include <linux/audit.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/seccomp.h>
#include <linux/signal.h>

#include "host/string.h"
#include "monitor/answers/answers.h"
#include "monitor/events/events.h"
#include "monitor/fds.h"
#include "monitor/robust_list.h"
#include "monitor/seccomp_filter.h"
#include "monitor/signal/signal.h"
#include "monitor/thread_pool.h"
#include "monitor/trace.h"

namespace barchan {
namespace {

constexpr u32 kChainMaximum = 32768;  // MAX_INSNS_PER_PATH (kernel/seccomp.c)
constexpr u32 kFilterPenalty = 4;
constexpr u32 kErrnoMaximum = 4095;
constexpr i32 kSysSeccomp = 1;  // si_code SYS_SECCOMP

// A filter lives as long as its process: threads share chains without counting. The kernel's limit on a chain
// bounds what one thread can keep.
SeccompFilter* make_filter(u32 length) {
  u64 size = page_up(sizeof(SeccompFilter) + length * sizeof(sock_filter));
  i64 memory = host::call(__NR_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return host::is_error(memory) ? nullptr : reinterpret_cast<SeccompFilter*>(memory);
}

// SECCOMP_RET_KILL_THREAD and strict mode end one thread, and the process with the last of them.
[[noreturn]] void kill_thread(Thread& t, int signo) {
  if (pool_is_last(t)) die_by_signal(signo);
  robust_list_release(t);
  thread_exit(t, signo);
}

bool strict_allows(u64 nr) {
  return nr == __NR_read || nr == __NR_write || nr == __NR_exit || nr == __NR_rt_sigreturn;
}

u32 run_filters(const Thread& t, const Call& call) {
  seccomp_data data = {static_cast<int>(call.nr), AUDIT_ARCH_X86_64, t.user.rip, {}};
  for (int i = 0; i < 6; i++) data.args[i] = call.arg[i];
  u32 verdict = SECCOMP_RET_ALLOW;
  for (const SeccompFilter* f = __atomic_load_n(&t.seccomp_filters, __ATOMIC_ACQUIRE); f; f = f->older) {
    verdict = seccomp_stricter(verdict, seccomp_filter_run(f->program, f->length, data));
  }
  return verdict;
}

void note(Thread& t, const Call& call, bool has_result) {
  const i64 result = has_result ? static_cast<i64>(t.user.rax) : 0;
  if (trace_on) trace::refused(t, call, has_result, result);
  if (events::watched()) events::filtered(call, has_result, result);
}

// SIGSYS with the registers as at the call (man 2 seccomp, SECCOMP_RET_TRAP).
void trap(Thread& t, const Call& call, u32 data) {
  if (t.pending) {
    t.user.rax = static_cast<u64>(host::kRestart);  // the captured signal first; the call then comes again
    return;
  }
  note(t, call, false);
  SignalInfo info = {SIGSYS, static_cast<i32>(data), kSysSeccomp, 0, {}};
  info.fields[0] = t.user.rip;
  info.fields[1] = static_cast<u32>(call.nr) | static_cast<u64>(AUDIT_ARCH_X86_64) << 32;
  t.user.rax = call.nr;
  signal_force(t, info);
}

// A gate that sees the mode sees the chain.
void give_chain(Thread& t, const SeccompFilter* chain) {
  __atomic_store_n(&t.seccomp_filters, chain, __ATOMIC_RELEASE);
  __atomic_store_n(&t.seccomp_mode, SECCOMP_MODE_FILTER, __ATOMIC_RELEASE);
  answers::withdraw(t);
}

struct Synchronization {
  const Thread* caller;
  i64 result;
};

// May `other` get the caller's chain: has it none, or one that the caller's chain ends with? A vfork child is another
// process and is left alone.
bool may_follow(const Thread& other, const Thread& caller) {
  if (other.vforked || other.seccomp_mode == SECCOMP_MODE_DISABLED) return true;
  if (other.seccomp_mode != SECCOMP_MODE_FILTER) return false;
  const SeccompFilter* f = caller.seccomp_filters;
  while (f && f != other.seccomp_filters) f = f->older;
  return f != nullptr;
}

struct SavedHeader {
  u32 magic, mode, filters, reserved;
};
constexpr u32 kSavedMagic = 0x43455342;  // "BSEC"

i64 write_all(i64 fd, const void* from, u64 size) {
  const u8* at = static_cast<const u8*>(from);
  while (size != 0) {
    i64 done = host::call(__NR_write, fd, at, size);
    if (done <= 0) return done < 0 ? done : -EIO;
    at += done;
    size -= static_cast<u64>(done);
  }
  return 0;
}

bool read_all(int fd, void* to, u64 size) {
  u8* at = static_cast<u8*>(to);
  while (size != 0) {
    i64 done = host::call(__NR_read, fd, at, size);
    if (done <= 0) return false;
    at += done;
    size -= static_cast<u64>(done);
  }
  return true;
}

// Bytes of a saved chain, rounded up; the penalty in `total` covers the lengths.
u64 saved_size(const Thread& t) {
  const u64 instructions = t.seccomp_filters ? t.seccomp_filters->total : 0;
  return sizeof(SavedHeader) + (instructions + kFilterPenalty) * sizeof(sock_filter);
}

// The oldest filter first, as they were installed.
i64 write_chain(i64 fd, const SeccompFilter* newest) {
  const SeccompFilter* written = nullptr;
  while (written != newest) {
    const SeccompFilter* f = newest;
    while (f->older != written) f = f->older;
    i64 error = write_all(fd, &f->length, sizeof f->length);
    if (error == 0) error = write_all(fd, f->program, f->length * sizeof(sock_filter));
    if (error != 0) return error;
    written = f;
  }
  return 0;
}

bool read_chain(Thread& t, int fd, u32 filters) {
  for (u32 i = 0; i < filters; i++) {
    u32 length;
    if (!read_all(fd, &length, sizeof length) || length == 0 || length > kFilterLengthMaximum) return false;
    SeccompFilter* copy = make_filter(length);
    if (copy == nullptr || !read_all(fd, copy->program, length * sizeof(sock_filter))) return false;
    i64 installed = seccomp_install(t, copy->program, length);
    host::call(__NR_munmap, copy, page_up(sizeof *copy + length * sizeof(sock_filter)));
    if (installed != 0) return false;
  }
  return true;
}

}  // namespace

bool seccomp_allows(Thread& t, const Call& call) {
  if (t.seccomp_mode == SECCOMP_MODE_STRICT) {
    if (strict_allows(call.nr)) return true;
    note(t, call, false);
    kill_thread(t, SIGKILL);
  }
  u32 verdict = run_filters(t, call);
  u32 data = verdict & SECCOMP_RET_DATA;
  switch (verdict & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG: return true;
    case SECCOMP_RET_ERRNO:
      t.user.rax = static_cast<u64>(-static_cast<i64>(min(data, kErrnoMaximum)));
      note(t, call, true);
      return false;
    case SECCOMP_RET_TRAP: trap(t, call, data); return false;
    case SECCOMP_RET_TRACE:       // no tracer
    case SECCOMP_RET_USER_NOTIF:  // no listener
      t.user.rax = static_cast<u64>(-ENOSYS);
      note(t, call, true);
      return false;
    case SECCOMP_RET_KILL_THREAD: note(t, call, false); kill_thread(t, SIGSYS);
  }
  note(t, call, false);
  die_by_signal(SIGSYS);
}

bool seccomp_always_allows(const Thread& t, u32 nr) {
  if (__atomic_load_n(&t.seccomp_mode, __ATOMIC_ACQUIRE) == SECCOMP_MODE_STRICT) return false;
  for (const SeccompFilter* f = __atomic_load_n(&t.seccomp_filters, __ATOMIC_ACQUIRE); f; f = f->older) {
    if (!seccomp_filter_always_allows(f->program, f->length, nr)) return false;
  }
  return true;
}

i64 seccomp_install(Thread& t, const sock_filter* program, u32 length) {
  if (!seccomp_filter_valid(program, length)) return -EINVAL;
  u32 total = length + (t.seccomp_filters ? t.seccomp_filters->total + kFilterPenalty : 0);
  if (total > kChainMaximum) return -ENOMEM;
  SeccompFilter* f = make_filter(length);
  if (f == nullptr) return -ENOMEM;
  f->older = t.seccomp_filters;
  f->length = length;
  f->total = total;
  memcpy(f->program, program, length * sizeof(sock_filter));
  give_chain(t, f);
  return 0;
}

i64 seccomp_install_all(Thread& t, const sock_filter* program, u32 length) {
  if (t.vforked)
    return seccomp_install(t, program, length);  // no other thread of its process shares its memory
  if (!seccomp_filter_valid(program, length)) return -EINVAL;
  Synchronization s = {&t, 0};
  pool_visit(
      [](Thread& other, void* context) {
        auto& sync = *static_cast<Synchronization*>(context);
        if (sync.result == 0 && &other != sync.caller && !may_follow(other, *sync.caller))
          sync.result = tid_of(other);
      },
      &s);
  if (s.result != 0) return s.result;
  i64 error = seccomp_install(t, program, length);
  if (error != 0) return error;
  // A thread that went its own way since the first look keeps what it chose.
  pool_visit(
      [](Thread& other, void* context) {
        auto& sync = *static_cast<Synchronization*>(context);
        if (!other.vforked && may_follow(other, *sync.caller))
          give_chain(other, sync.caller->seccomp_filters);
      },
      &s);
  return 0;
}

i64 seccomp_exec_write(const Thread& t, i32& fd) {
  fd = -1;
  if (t.seccomp_mode == SECCOMP_MODE_DISABLED) return 0;
  SavedHeader header = {kSavedMagic, t.seccomp_mode, 0, 0};
  for (const SeccompFilter* f = t.seccomp_filters; f; f = f->older) header.filters++;
  int ends[2];  // a pipe, as RLIMIT_FSIZE does not concern it
  i64 error = host::call(__NR_pipe2, ends, O_CLOEXEC | O_NONBLOCK);
  if (error < 0) return error;
  host::call(__NR_fcntl, ends[1], F_SETPIPE_SZ,
             saved_size(t));  // at least 64 KiB is there without it, as a rule
  error = write_all(ends[1], &header, sizeof header);
  if (error == 0) error = write_chain(ends[1], t.seccomp_filters);
  if (error == 0) error = fd_duplicate(ends[0], true);
  host::call(__NR_close, ends[0]);
  host::call(__NR_close, ends[1]);
  if (error < 0) return error == -EAGAIN ? -ENOMEM : error;
  fd = static_cast<i32>(error);
  return 0;
}

bool seccomp_exec_read(Thread& t, int fd) {
  SavedHeader header;
  bool good = read_all(fd, &header, sizeof header) && header.magic == kSavedMagic &&
              header.mode <= SECCOMP_MODE_FILTER && header.filters <= kChainMaximum &&
              read_chain(t, fd, header.filters);
  host::call(__NR_close, fd);
  if (good) t.seccomp_mode = header.mode;
  return good;
}

}  // namespace barchan
