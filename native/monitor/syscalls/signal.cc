// Handlers of the signal calls. Masks, dispositions and frames: monitor/signal; queues: the host kernel.
#include <linux/time_types.h>

#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/dispatch.h"
#include "monitor/fds.h"
#include "monitor/signal/internal.h"

namespace barchan {

using namespace signal;

namespace {

constexpr u64 kActionFlags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |
                             SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER;
constexpr size_t kInfoSize =
    48;  // of siginfo_t what the kernel itself fills; the rest of the 128 bytes is zero

// stack_t without its pointer type.
struct StackWords {
  u64 sp;
  u32 flags;
  u32 padding;
  u64 size;
};
static_assert(sizeof(StackWords) == sizeof(stack_t));

// GUEST: a siginfo to send. Returns 0 or -EFAULT; signo is the call's, whatever the guest wrote there.
i64 read_info(SignalInfo& info, u64 from, int signo) {
  const i64 error = read_guest(info, from);
  info.signo = signo;
  return error;
}

// SIGSEGV and SIGBUS with a processor's si_code may only be sent to oneself (rt_sigqueueinfo(2)). The host must
// not see them: to its handler they would look like the monitor's own faults.
bool looks_like_fault(const SignalInfo& info) {
  return (info.signo == SIGSEGV || info.signo == SIGBUS) && info.code > SI_USER;
}

// Sends such a signal to the calling thread, without the host.
void keep_fault(Thread& t, const SignalInfo& info) {
  GuestAction action;
  change_action(*t.signals, info.signo, nullptr, &action);
  const bool blocked = t.mask & bit(info.signo);
  if (action.handler == kIgnore && !blocked) return;
  SignalInfo kept = {};
  __builtin_memcpy(&kept, &info, kInfoSize);
  hold(t, kept);
}

bool keeps_fault(Thread& t, const SignalInfo& info, i64 tid) {
  if (!looks_like_fault(info) || tid != tid_of(t)) return false;
  keep_fault(t, info);
  return true;
}

i64 signal_descriptor(i64 fd_argument, u64 mask_pointer, u64 size, int flags) {
  const int fd = static_cast<int>(fd_argument);
  if (size != kMaskSize) return -EINVAL;
  u64 mask;
  if (read_guest(mask, mask_pointer) != 0) return -EFAULT;
  if (is_private(fd)) return -EBADF;
  const i64 result = host::call(__NR_signalfd4, fd, &mask, kMaskSize, flags);
  return fd == -1 ? fd_created(result) : result;
}

}  // namespace

i64 sys_rt_sigaction(Thread& t, const Call& call) {
  const int signo = static_cast<int>(call.arg[0]);
  const u64 new_pointer = call.arg[1], old_pointer = call.arg[2];
  if (call.arg[3] != kMaskSize) return -EINVAL;
  GuestAction action = {}, old;
  if (new_pointer && read_guest(action, new_pointer) != 0) return -EFAULT;
  if (signo < 1 || signo > kSignals) return -EINVAL;
  if (new_pointer && (bit(signo) & kUnblockable)) return -EINVAL;
  action.flags &= kActionFlags;
  action.mask &= ~kUnblockable;
  const i64 error = change_action(*t.signals, signo, new_pointer ? &action : nullptr, &old);
  if (error != 0) return error;
  // A signal that becomes ignored is no longer pending; the host sees to all but these two.
  if (new_pointer && action.handler == kIgnore && (bit(signo) & kFaults)) release(t, signo);
  if (old_pointer && write_guest(old_pointer, old) != 0) return -EFAULT;
  return 0;
}

i64 sys_rt_sigprocmask(Thread& t, const Call& call) {
  const u64 set_pointer = call.arg[1], old_pointer = call.arg[2];
  if (call.arg[3] != kMaskSize) return -EINVAL;
  const u64 old = t.mask;
  if (set_pointer) {
    u64 set;
    if (read_guest(set, set_pointer) != 0) return -EFAULT;
    set &= ~kUnblockable;
    switch (static_cast<int>(call.arg[0])) {
      case SIG_BLOCK: set |= old; break;
      case SIG_UNBLOCK: set = old & ~set; break;
      case SIG_SETMASK: break;
      default: return -EINVAL;
    }
    if (set != old) {
      // A signal captured before the change is delivered under the old mask, then the call is made again.
      const u64 host_mask = signals_host_mask(set);
      const i64 result =
          host::interruptible(&t.pending, __NR_rt_sigprocmask, SIG_SETMASK, &host_mask, nullptr, kMaskSize);
      if (result != 0) return result;
      t.mask = set;
    }
  }
  if (old_pointer && write_guest(old_pointer, old) != 0) return -EFAULT;
  return 0;
}

// The result is the restored rax: the run loop takes it as it is, -512 included.
i64 sys_rt_sigreturn(Thread& t, const Call&) {
  if (!pop_frame(t)) force_segv(t);
  check_rip(t);
  set_mask(t, t.mask);
  return static_cast<i64>(t.user.rax);
}

i64 sys_sigaltstack(Thread& t, const Call& call) {
  const u64 new_pointer = call.arg[0], old_pointer = call.arg[1];
  StackWords wanted, old = {};
  if (new_pointer && read_guest(wanted, new_pointer) != 0) return -EFAULT;
  old.sp = t.altstack.sp;
  old.flags = t.altstack.flags & SS_AUTODISARM;
  if (t.altstack.size == 0) {
    old.flags |= SS_DISABLE;
  } else if (on_stack(t.altstack, t.user.rsp)) {
    old.flags |= SS_ONSTACK;
  }
  old.size = t.altstack.size;
  if (new_pointer) {
    const i64 error = change_stack(t, wanted.sp, wanted.flags, wanted.size, t.user.rsp);
    if (error != 0) return error;
  }
  if (old_pointer && write_guest(old_pointer, old) != 0) return -EFAULT;
  return 0;
}

i64 sys_rt_sigsuspend(Thread& t, const Call& call) {
  if (call.arg[1] != kMaskSize) return -EINVAL;
  u64 mask;
  if (read_guest(mask, call.arg[0]) != 0) return -EFAULT;
  return signals_with_mask(
      t, mask, [&](const u64* host_mask) { return t.host(__NR_rt_sigsuspend, host_mask, kMaskSize); });
}

// Without descriptors and a time limit ppoll is the same wait: only a signal's handler ends it, with EINTR.
i64 sys_pause(Thread& t, const Call&) { return t.host(__NR_ppoll, nullptr, 0, nullptr, nullptr, 0); }

i64 sys_rt_sigpending(Thread& t, const Call& call) {
  const u64 size = call.arg[1];
  if (size > kMaskSize) return -EINVAL;
  u64 set = 0;
  const i64 result = host::call(__NR_rt_sigpending, &set, kMaskSize);
  if (result != 0) return result;
  set |= t.held_faults & t.mask;
  return copy_to_guest(call.arg[0], &set, size);
}

i64 sys_rt_sigtimedwait(Thread& t, const Call& call) {
  const u64 info_pointer = call.arg[1], timeout_pointer = call.arg[2];
  if (call.arg[3] != kMaskSize) return -EINVAL;
  u64 set;
  __kernel_timespec timeout;
  if (read_guest(set, call.arg[0]) != 0) return -EFAULT;
  if (timeout_pointer && read_guest(timeout, timeout_pointer) != 0) return -EFAULT;

  SignalInfo info = {};
  i64 result;
  if (const u64 held = t.held_faults & set) {
    const int signo = (held & bit(SIGBUS)) ? SIGBUS : SIGSEGV;
    info = t.held_info[signo == SIGBUS];
    release(t, signo);
    result = signo;
  } else {
    result = t.host(__NR_rt_sigtimedwait, &set, &info, timeout_pointer ? &timeout : nullptr, kMaskSize);
    if (result > 0) restore_given_back(info);
  }
  if (result > 0 && info_pointer && write_guest(info_pointer, info) != 0) return -EFAULT;
  return result;
}

i64 sys_rt_sigqueueinfo(Thread& t, const Call& call) {
  const int pid = static_cast<int>(call.arg[0]), signo = static_cast<int>(call.arg[1]);
  SignalInfo info;
  if (read_info(info, call.arg[2], signo) != 0) return -EFAULT;
  if (keeps_fault(t, info, pid)) return 0;
  return host::call(__NR_rt_sigqueueinfo, pid, signo, &info);
}

i64 sys_rt_tgsigqueueinfo(Thread& t, const Call& call) {
  const int group = static_cast<int>(call.arg[0]), tid = static_cast<int>(call.arg[1]);
  const int signo = static_cast<int>(call.arg[2]);
  SignalInfo info;
  if (read_info(info, call.arg[3], signo) != 0) return -EFAULT;
  if (group == host::call(__NR_getpid) && keeps_fault(t, info, tid)) return 0;
  return host::call(__NR_rt_tgsigqueueinfo, group, tid, signo, &info);
}

i64 sys_pidfd_send_signal(Thread& t, const Call& call) {
  const u64 pidfd = call.arg[0], info_pointer = call.arg[2], flags = call.arg[3];
  const int signo = static_cast<int>(call.arg[1]);
  SignalInfo info;
  // The host says what is wrong first: the descriptor, the flags or the pointer.
  u64 from = info_pointer;
  if (info_pointer) from = read_guest(info, info_pointer) == 0 ? host::word(&info) : check::kHole;
  if (from == host::word(&info) && info.signo == signo && looks_like_fault(info)) {
    // No signal at all, with an si_code that is for oneself alone: as the host judges that, so it would the other.
    SignalInfo probe = {};
    probe.code = info.code;
    const i64 result = host::call(__NR_pidfd_send_signal, pidfd, 0, &probe, flags);
    if (result == 0) keep_fault(t, info);
    return result;
  }
  return host::call(__NR_pidfd_send_signal, pidfd, signo, from, flags);
}

i64 sys_signalfd(Thread&, const Call& call) {
  return signal_descriptor(static_cast<i64>(call.arg[0]), call.arg[1], call.arg[2], 0);
}

i64 sys_signalfd4(Thread&, const Call& call) {
  return signal_descriptor(static_cast<i64>(call.arg[0]), call.arg[1], call.arg[2],
                           static_cast<int>(call.arg[3]));
}

}  // namespace barchan
