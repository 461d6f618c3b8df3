#include "monitor/events/events.h"

#include <asm/signal.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>

#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/events/ring.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/start.h"
#include "monitor/table.h"

namespace barchan::events {

using abi::EventVerdict;

ControlPage page;

namespace {

Ring ring;  // set by start(), then constant
u32 program_number;

// How long a monitor waits for room while Node gives no sign of life, in steps.
constexpr u64 kStepNs = 250000000;
constexpr int kSteps = 4 * 30;

void wake_node() {
  abi::EventControl& control = page.control;
  if (__atomic_load_n(&control.sleeping, __ATOMIC_RELAXED) == 0) return;
  const u64 one = 1;
  host::call(__NR_write, private_fd(kFdEventWake), &one, sizeof one);
  // Afterwards: one that is killed before it has written leaves the word for others.
  __atomic_store_n(&control.sleeping, 0, __ATOMIC_RELAXED);
}

// Publishes as soon as there is room. False when Node is gone, or as good as gone.
bool publish_waiting(abi::EventRecord* record) {
  abi::EventControl& control = page.control;
  u32 beat = __atomic_load_n(&control.beat, __ATOMIC_RELAXED);
  for (int step = 0; step < kSteps;) {
    const u32 room = __atomic_load_n(&control.room, __ATOMIC_ACQUIRE);
    __atomic_store_n(&control.waiting, 1, __ATOMIC_SEQ_CST);
    if (ring_publish(ring, record)) return true;
    if (__atomic_load_n(&control.abandoned, __ATOMIC_RELAXED) || !control.block) return false;
    wake_node();
    const u64 soon[2] = {0, kStepNs};
    const i64 r = host::call(__NR_futex, &control.room, FUTEX_WAIT, room, soon);
    const u32 now = __atomic_load_n(&control.beat, __ATOMIC_RELAXED);
    if (now != beat) {
      beat = now;
      step = 0;
    } else if (r == -ETIMEDOUT) {
      step++;
    }
  }
  __atomic_store_n(&control.abandoned, 1, __ATOMIC_RELAXED);
  return false;
}

void emit(Recorder& recorder) {
  if (!ring.control) return;
  abi::EventRecord* record = recorder.finish();
  record->time = __builtin_ia32_rdtsc();
  record->pid = static_cast<i32>(host::call(__NR_getpid));
  record->tid = static_cast<i32>(host::call(__NR_gettid));
  record->program = program_number;
  if (is_first_process()) record->flags |= abi::kEventFirst;
  abi::EventControl& control = page.control;
  bool done = ring_publish(ring, record);
  if (!done && __atomic_load_n(&control.block, __ATOMIC_RELAXED) &&
      !__atomic_load_n(&control.abandoned, __ATOMIC_RELAXED))
    done = publish_waiting(record);
  if (!done) __atomic_fetch_add(&control.dropped, 1, __ATOMIC_RELAXED);
  wake_node();
}

bool is_wanted(u64 nr) {
  if (!wants(abi::kWatchCall)) return false;
  const u32 bit = min<u32>(static_cast<u32>(nr), 511);
  return __atomic_load_n(&page.control.calls[bit / 64], __ATOMIC_RELAXED) >> (bit % 64) & 1;
}

bool verdict_is_wanted(u8 verdict) {
  if (verdict >= abi::kVerdictDenied) return wants(abi::kWatchViolation);
  return verdict == abi::kVerdictLogged && wants(abi::kWatchLog);
}

bool makes_task(u64 nr) {
  return nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork || nr == __NR_clone3;
}

void forked(const Call& call, i64 result) {
  if (!wants(abi::kWatchFork) || result <= 0 || !makes_task(call.nr)) return;
  Recorder recorder;
  recorder.begin(abi::kEventFork);
  abi::EventRecord& r = recorder.head();
  r.number = static_cast<u32>(call.nr);
  u64 flags = call.nr == __NR_clone ? call.arg[0] : 0;
  // The call has succeeded, so its structure could be read; should the guest have changed it since, it errs about itself.
  if (call.nr == __NR_clone3 && read_guest(flags, call.arg[0]) != 0) flags = 0;
  r.argument[0] = static_cast<u64>(result);
  r.argument[1] = (flags & CLONE_THREAD) != 0;
  emit(recorder);
}

// Which of the host's limits an error tells of, or 0.
u8 limit_of(u64 nr, i64 result) {
  if (result == -EMFILE) return abi::kLimitFiles;
  if (result == -EAGAIN && makes_task(nr)) return abi::kLimitProcesses;
  if (result == -EFBIG) return abi::kLimitFileSize;
  const bool maps = nr == __NR_mmap || nr == __NR_mremap || nr == __NR_mprotect || nr == __NR_mlock;
  return result == -ENOMEM && (maps || makes_task(nr)) ? abi::kLimitMemory : 0;
}

void limited(const Call& call, i64 result) {
  if (!wants(abi::kWatchLimit) || !host::is_error(result)) return;
  const u8 limit = limit_of(call.nr, result);
  if (limit == 0) return;
  Recorder recorder;
  recorder.begin(abi::kEventLimit);
  recorder.head().number = static_cast<u32>(call.nr);
  recorder.head().result = result;
  recorder.head().argument[0] = limit;
  emit(recorder);
}

}  // namespace

const char* start(u32 program) {
  constexpr const char* kUnmapped = "the memory for events cannot be mapped";
  program_number = program;
  const int fd = private_fd(kFdEvents);
  i64 r = host::call(__NR_mmap, &page, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  if (r == -EBADF) return nullptr;  // none was given
  if (host::is_error(r)) return kUnmapped;
  const abi::EventControl& control = page.control;
  const u32 slots = control.slots;
  if (control.magic != abi::kEventMagic || control.version != abi::kEventVersion ||
      slots < abi::kEventSlotsLeast || slots > abi::kEventSlotsMost || (slots & (slots - 1)) != 0)
    return "the memory for events is of another version";
  r = host::call(__NR_mmap, 0, abi::event_ring_size(slots) - kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED,
                 fd, kPageSize);
  if (host::is_error(r)) return kUnmapped;
  ring = ring_at(&page.control, reinterpret_cast<u8*>(r), slots);
  return nullptr;
}

bool show_watch(u8* at) {
  if (!ring.control) return true;
  return !host::is_error(host::call(__NR_mmap, at, kPageSize, PROT_READ, MAP_SHARED | MAP_FIXED,
                                    private_fd(kFdEvents), abi::event_view_offset(ring.mask + 1)));
}

u32 program_id() { return program_number; }

void watch_for_trace() { __atomic_fetch_or(&page.control.watch, abi::kWatchTrace, __ATOMIC_RELAXED); }

Calling::Calling(Thread& t, const Call& call) : call_(call), tid_(tid_of(t)), recorded_(false) {
  t.verdict = abi::kVerdictAllowed;
  t.chaos.failed = false;
  t.calling = this;
  if (!is_wanted(call.nr)) return;
  recorder_.begin(abi::kEventCall);
  recorder_.call(call_);
  recorded_ = true;
}

i64 Calling::ended(Thread& t, i64 result) {
  t.calling = nullptr;
  // A fork's child comes out of the call as well; its parent tells.
  if (tid_of(t) != tid_) return result;
  forked(call_, result);
  if (!t.chaos.failed) limited(call_, result);
  const u8 verdict = t.verdict;
  if (!recorded_) {
    if (!verdict_is_wanted(verdict)) return result;
    recorder_.begin(abi::kEventCall);
    recorder_.call(call_);
  }
  abi::EventRecord& r = recorder_.head();
  r.verdict = verdict;
  const table::Row* row = table::row(call_.nr);
  if (verdict < abi::kVerdictDenied && row && row->cls == table::Class::kDeny)
    r.verdict = abi::kVerdictRefused;
  if (call_.nr == __NR_rt_sigreturn) r.flags |= abi::kEventNoResult;
  if (result == host::kRestart) r.flags |= abi::kEventInterrupted;
  recorder_.call_result(call_, result);
  emit(recorder_);
  return result;
}

void judged(EventVerdict verdict) {
  Thread& t = current();
  if (t.verdict < verdict) t.verdict = verdict;
}

void call_ends_process() {
  Thread& t = current();
  Calling* calling = t.calling;
  if (!calling) return;
  t.calling = nullptr;
  Recorder& recorder = calling->recorder_;
  if (!calling->recorded_) {
    if (!verdict_is_wanted(t.verdict)) return;
    recorder.begin(abi::kEventCall);
    recorder.call(calling->call_);
  }
  recorder.head().verdict = t.verdict;
  recorder.head().flags |= abi::kEventNoResult;
  emit(recorder);
}

void filtered(const Call& call, bool has_result, i64 result) {
  if (!is_wanted(call.nr)) return;
  Recorder recorder;
  recorder.begin(abi::kEventCall);
  recorder.call(call);
  recorder.head().verdict = abi::kVerdictFiltered;
  recorder.head().result = result;
  if (!has_result) recorder.head().flags |= abi::kEventNoResult;
  emit(recorder);
}

void injected(u32 number, const u64 (&argument)[6]) {
  if (!wants(abi::kWatchInjection)) return;
  Recorder recorder;
  recorder.begin(abi::kEventInjection);
  abi::EventRecord& r = recorder.head();
  r.number = number;
  memcpy(r.argument, argument, sizeof argument);
  emit(recorder);
}

void executed(const char* path, const char* const* arguments, u32 call_number) {
  Recorder recorder;
  if (wants(abi::kWatchExec)) {
    recorder.begin(abi::kEventExec);
    recorder.string(0, path);
    recorder.strings(1, arguments);
    emit(recorder);
  }
  // The call itself, of which Linux's tracers say that it returned 0.
  if (call_number == 0 || !is_wanted(call_number)) return;
  const u8 first = call_number == __NR_execveat ? 1 : 0;
  recorder.begin(abi::kEventCall);
  recorder.head().number = call_number;
  recorder.string(first, path);
  recorder.strings(first + 1, arguments);
  emit(recorder);
}

void exited(int status, int signo) {
  if (!wants(abi::kWatchExit)) return;
  Recorder recorder;
  recorder.begin(abi::kEventExit);
  recorder.head().argument[0] = static_cast<u32>(status & 0xff);
  recorder.head().argument[1] = static_cast<u32>(signo);
  emit(recorder);
}

void faulted(const Thread& t, const SignalInfo& info) {
  if (!wants(abi::kWatchFault)) return;
  Recorder recorder;
  recorder.begin(abi::kEventFault);
  u64* argument = recorder.head().argument;
  argument[0] = static_cast<u32>(info.signo);
  argument[1] = static_cast<u64>(i64{info.code});
  argument[2] = info.fields[0];
  argument[3] = t.user.rip;
  argument[4] = t.fault_trap;
  argument[5] = t.fault_error;
  emit(recorder);
}

void signalled(const SignalInfo& info) {
  if (!wants(abi::kWatchSignal)) return;
  Recorder recorder;
  recorder.begin(abi::kEventSignal);
  u64* argument = recorder.head().argument;
  argument[0] = static_cast<u32>(info.signo);
  argument[1] = static_cast<u64>(i64{info.code});
  // si_pid and si_uid, where the code has them (man 2 sigaction): SI_USER, SI_QUEUE, SI_TKILL, SIGCHLD's.
  if (info.code == 0 || info.code == -1 || info.code == -6 || info.signo == SIGCHLD) {
    argument[2] = static_cast<u32>(info.fields[0]);
    argument[3] = info.fields[0] >> 32;
  }
  emit(recorder);
}

}  // namespace barchan::events
