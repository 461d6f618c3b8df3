#include "monitor/chaos/chaos.h"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "host/call_numbers.h"
#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/events/events.h"
#include "monitor/fds.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/iovec.h"

namespace barchan::chaos {

bool active;

namespace {

using abi::ChaosRule;

Rules rules;

constexpr u32 kTypeMask = 0170000, kFifo = 0010000, kCharacters = 0020000, kFolder = 0040000,
              kBlocks = 0060000, kRegular = 0100000, kSocket = 0140000;
constexpr u64 kAtomicPipeWrite = 4096;  // PIPE_BUF

bool status_of(u64 fd, struct stat& status) { return host::call(__NR_fstat, fd, &status) == 0; }
i64 flags_of(u64 fd) { return host::call(__NR_fcntl, fd, F_GETFL, 0); }

// Not zero: seconds and parts of them, or no time limit at all.
bool has_time(u64 address) {
  __kernel_timespec time;
  return address == 0 || read_guest(time, address) != 0 || time.tv_sec != 0 || time.tv_nsec != 0;
}

// Could Linux interrupt this call? Not one that would not wait.
bool can_be_interrupted(const Call& call, const table::Row& row) {
  constexpr u64 kNoHang = WNOHANG, kLockNoBlock = 4, kFutexWait = FUTEX_WAIT,
                kFutexWaitBitset = FUTEX_WAIT_BITSET;
  const u64 futex_op = call.arg[1] & FUTEX_CMD_MASK;
  const u32 fcntl_op = static_cast<u32>(call.arg[1]);
  switch (call.nr) {
    case __NR_futex: return futex_op == kFutexWait || futex_op == kFutexWaitBitset;
    case __NR_fcntl: return fcntl_op == F_SETLKW || fcntl_op == F_OFD_SETLKW;
    case __NR_flock: return !(call.arg[1] & kLockNoBlock);
    case __NR_wait4: return !(call.arg[2] & kNoHang);
    case __NR_waitid: return !(call.arg[3] & kNoHang);
    case __NR_poll: return static_cast<i32>(call.arg[2]) != 0;
    case __NR_epoll_pwait: return static_cast<i32>(call.arg[3]) != 0;
    case __NR_ppoll:
    case __NR_clock_nanosleep: return has_time(call.arg[2]);
    case __NR_epoll_pwait2: return has_time(call.arg[3]);
    case __NR_select:
    case __NR_pselect6: return has_time(call.arg[4]);
    default: break;
  }
  if (row.count == 0 || row.args[0].kind != table::Kind::kFd) return true;
  const i64 flags = flags_of(call.arg[0]);
  return flags >= 0 && !(flags & O_NONBLOCK);
}

// Is the descriptor of the kind that the rule wants? One that is closed is none.
bool is_on(const ChaosRule& rule, const Call& call) {
  if (rule.on == abi::kChaosAny) return true;
  struct stat status;
  if (!status_of(call.arg[0], status)) return false;
  const u32 type = status.st_mode & kTypeMask;
  const bool file = type == kRegular || type == kFolder || type == kBlocks;
  return file == (rule.on == abi::kChaosFiles);
}

bool applies(const ChaosRule& rule, const Call& call, const table::Row& row) {
  if (rule.action == abi::kChaosFail && rule.error == EINTR && !can_be_interrupted(call, row)) return false;
  return is_on(rule, call);
}

// Every rule counts the call, whatever the others do.
Decision decide(Lineage& lineage, const Call& call, const table::Row& row) {
  Decision d = {};
  for (u32 i = 0; i < rules.header.rules; i++) {
    const ChaosRule& rule = rules.rule[i];
    if (!names(rule, static_cast<u32>(call.nr))) continue;
    const u64 count = ++lineage.counts[i];
    if (!hits(rules, i, lineage.task, count) || !applies(rule, call, row)) continue;
    const u8 number = static_cast<u8>(i + 1);
    if (rule.action == abi::kChaosDelay) {
      d.delays |= 1u << i;
    } else if (rule.action == abi::kChaosFail) {
      if (d.fail == 0) d.fail = number;
    } else if (d.shorten == 0) {
      d.shorten = number;
      d.random = random(rules.header.seed, lineage.task, i, count);
    }
  }
  return d;
}

void tell(const Thread& t, const Call& call, u32 index, u64 a, u64 b) {
  if (t.chaos.told) return;
  const Lineage& lineage = t.chaos.lineage;
  events::injected(static_cast<u32>(call.nr),
                   {index, rules.rule[index].action, lineage.counts[index], a, b, lineage.task});
}

// Until the time is over or a signal came, which the call then sees itself. No lock is held here.
void wait(Thread& t, u64 nanoseconds) {
  constexpr u64 kSecond = 1'000'000'000;
  u32 nobody_wakes = 0;
  const __kernel_timespec time = {static_cast<i64>(nanoseconds / kSecond),
                                  static_cast<long long>(nanoseconds % kSecond)};
  t.host(__NR_futex, &nobody_wakes, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &time);
}

// What the guest gets for a call that is not made.
i64 failed(Thread& t, const Call& call, u16 error) {
  // Linux's refusal is the break as it was (man 2 brk).
  if (call.nr == __NR_brk) return sys_brk(t, {__NR_brk, {0}});
  constexpr u64 kAbsolute = 1;  // TIMER_ABSTIME
  if (call.nr == __NR_clock_nanosleep && error == EINTR && !(call.arg[1] & kAbsolute) && call.arg[3] != 0) {
    // Interrupted as soon as it began: all of the time is left.
    __kernel_timespec left;
    if (read_guest(left, call.arg[2]) != 0 || write_guest(call.arg[3], left) != 0) return -EFAULT;
  }
  return -static_cast<i64>(error);
}

// Files that are the kernel's: a part of a value is another value, and some are read by whole entries only.
bool is_kernels(u64 fd) {
  struct statfs fs;
  if (host::call(__NR_fstatfs, fd, &fs) != 0) return true;
  switch (static_cast<u32>(fs.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC: return true;
    default: return false;
  }
}

bool is_terminal_or_memory(u64 device) {
  const u64 major = device >> 8 & 0xfff;
  return major == 1 || major == 4 || major == 5 || (major >= 136 && major <= 143);
}

// Is less than asked for something that Linux might do there? Datagrams, packets and counters are whole or not at all.
bool may_be_short(u64 fd, bool writes, u64 bytes) {
  struct stat status;
  if (!status_of(fd, status)) return false;
  switch (status.st_mode & kTypeMask) {
    case kRegular: {
      const i64 flags = flags_of(fd);
      return flags >= 0 && !(flags & O_DIRECT) && !is_kernels(fd);
    }
    case kFifo: {
      const i64 flags = flags_of(fd);
      return flags >= 0 && !(flags & O_DIRECT) && !(writes && bytes <= kAtomicPipeWrite);
    }
    case kCharacters: return is_terminal_or_memory(status.st_rdev);
    case kSocket: {
      constexpr int kSolSocket = 1, kSoType = 3, kSockStream = 1;
      int type = 0;
      u32 size = sizeof type;
      return host::call(__NR_getsockopt, fd, kSolSocket, kSoType, &type, &size) == 0 && type == kSockStream;
    }
    default: return false;
  }
}

bool writes(Shortening how) { return how == Shortening::kWrites || how == Shortening::kWritesVector; }

void shorten_count(const Thread& t, Call& call, const table::Row& row, u32 index) {
  const Shortens it = shortens(static_cast<u32>(call.nr));
  const table::Kind kind = row.args[it.argument].kind;
  const bool is_word = kind == table::Kind::kInt || kind == table::Kind::kUint;
  u64& count = call.arg[it.argument];
  const u64 whole =
      is_word ? static_cast<u64>(max<i64>(static_cast<i32>(count), 0)) : min(count, kMaxTransfer);
  if (whole <= 1) return;
  if (it.how != Shortening::kElements && !may_be_short(call.arg[0], writes(it.how), whole)) return;
  count = shortened(whole, rules.rule[index].amount, t.chaos.decision.random);
  tell(t, call, index, whole, count);
}

}  // namespace

const char* load() {
  const int fd = private_fd(kFdChaos);
  alignas(8) static u8 bytes[abi::kChaosBytesMax + 1];
  const i64 size = host::call(__NR_pread64, fd, bytes, sizeof bytes, 0);
  if (size == -EBADF) return nullptr;  // none were given
  if (size < 0) return "the chaos rules cannot be read";
  if (const char* wrong = parse(bytes, static_cast<u64>(size), rules)) return wrong;
  active = true;
  return nullptr;
}

bool inject(Thread& t, Call& call, const table::Row& row, i64& result) {
  State& s = t.chaos;
  Pending& p = s.pending;
  // Calls that its handler makes come by in between, so it stays until it comes.
  s.told = p.is_one && p.number == call.nr && p.rip == t.user.rip && p.rsp == t.user.rsp;
  s.shortens_vector = s.failed = false;
  s.decision = s.told ? p.decision : decide(s.lineage, call, row);
  if (s.told) p.is_one = false;
  const Decision& d = s.decision;
  for (u32 i = 0; d.delays >> i != 0; i++) {
    if (!(d.delays >> i & 1)) continue;
    tell(t, call, i, rules.rule[i].amount, 0);
    wait(t, rules.rule[i].amount);
  }
  if (d.fail != 0) {
    const u32 index = d.fail - 1u;
    tell(t, call, index, rules.rule[index].error, 0);
    s.failed = true;
    result = failed(t, call, rules.rule[index].error);
    return true;
  }
  if (d.shorten == 0) return false;
  const Shortening how = shortens(static_cast<u32>(call.nr)).how;
  if (how == Shortening::kReadsVector || how == Shortening::kWritesVector) {
    s.shortens_vector = true;
  } else {
    shorten_count(t, call, row, d.shorten - 1u);
  }
  return false;
}

void shorten_vector(Thread& t, const Call& call, IoVector& vector) {
  t.chaos.shortens_vector = false;
  const u64 whole = vector.bytes();
  const u32 index = t.chaos.decision.shorten - 1u;
  const bool out = shortens(static_cast<u32>(call.nr)).how == Shortening::kWritesVector;
  if (whole <= 1 || !may_be_short(call.arg[0], out, whole)) return;
  const u64 kept = shortened(whole, rules.rule[index].amount, t.chaos.decision.random);
  vector.keep(kept);
  tell(t, call, index, whole, kept);
}

void first(Thread& t) { t.chaos.lineage.task = first_task(); }

void begin_child(Thread& child, const Thread& parent) {
  const Lineage& of = parent.chaos.lineage;
  const u64 task = child_task(of.task, of.children + 1);
  child.chaos = {};
  child.chaos.lineage.task = task;
}

}  // namespace barchan::chaos
