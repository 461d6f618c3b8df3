// The calls: what syscalls.def says of them, and which must not be made because they would end the run or reach
// other processes of the machine.
#include <signal.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"

#define INT(...) kNumber
#define UINT(...) kNumber
#define LONG(...) kNumber
#define ULONG(...) kNumber
#define HEX(...) kNumber
#define MODE(...) kNumber
#define ID(...) kNumber
#define ENUM(...) kFlags
#define FLAGS(...) kFlags
#define SIZE(...) kSize
#define ADDR(...) kAddress
#define PID(...) kPid
#define SIGNAL(...) kSignal
#define FD(...) kFd
#define DIRFD(...) kFd
#define FD_OR_NONE(...) kFd
#define PATH(...) kPath
#define PATH_OPT(...) kPath
#define STR(...) kPath
#define STR_OPT(...) kPath
#define STRV(...) kVector
#define IN(name, size) ((size) == 56 ? kMessage : kStructure)
#define IN_OPT(...) kStructure
#define OUT(...) kStructure
#define OUT_OPT(...) kStructure
#define INOUT(name, size) ((size) == 56 ? kMessage : kStructure)
#define INOUT_OPT(...) kStructure
#define IN_BUF(...) kBuffer
#define IN_BUF_OPT(...) kBuffer
#define OUT_BUF(...) kBuffer
#define OUT_BUF_OPT(...) kBuffer
#define INOUT_BUF(...) kBuffer
#define IN_DATA(...) kBuffer
#define OUT_DATA(...) kBuffer
#define IN_MSG(...) kBuffer
#define OUT_MSG(...) kBuffer
#define IN_ARRAY(...) kStructure
#define OUT_ARRAY(...) kStructure
#define INOUT_ARRAY(name, size, ...) ((size) == 64 ? kMessage : kStructure)
#define OUT_VLEN(...) kBuffer
#define OUT_VLEN_OPT(...) kBuffer
#define IN_IOVEC(...) kIovec
#define OUT_IOVEC(...) kIovec
#define SIGSET(...) kMask
#define SIGSET_OPT(...) kMask
#define OUT_SIGSET(...) kBuffer
#define OUT_SIGSET_OPT(...) kBuffer
#define RANGE(...) kAddress
#define OUT_PAGES(...) kBuffer

#define ARGS(...) \
  { __VA_ARGS__ }
#define PASS(nr, name, family, flags, args, status, note) [nr] = {#name, 6, args},
#define REWRITE(nr, name, family, to, args, status, note) [nr] = {#name, 6, args},
#define CANON(nr, name, family, flags, args, status, note) [nr] = {#name, 6, args},
#define EMULATE(nr, name, family, flags, args, status, note) [nr] = {#name, 6, args},
#define INGUEST(nr, name, family, flags, args, status, note) [nr] = {#name, 6, args},
#define DENY(nr, name, family, error, args, note) [nr] = {#name, 6, args},
#define ABSENT(nr, name, family, error, args, note) [nr] = {#name, 6, args},

const struct signature signatures[kMaxNumber] = {
#include "../../../native/monitor/syscalls.def"
};

// Process numbers that reach nobody but this worker: itself, its group, and ones that do not exist.
static void confine_pid(struct random* r, uint64_t* pid) {
  const int32_t harmless[] = {0, (int32_t)getpid(), 0x7fffffff, INT32_MIN, -0x7ffffffe, 0x7ffffff0};
  *pid = (uint64_t)(int64_t)harmless[below(r, sizeof harmless / sizeof *harmless)];
  if (one_in(r, 8)) *pid |= random_u64(r) << 32;  // the upper half does not count
}

// False for a call that would stop or slow the run without showing anything. May change arguments that would
// reach others: workers run as one user, and so do the workers of another run beside this one.
bool call_allowed(struct random* r, struct call* call) {
  uint64_t* a = call->arg;
  switch ((uint32_t)call->number) {
    case SYS_exit:
    case SYS_exit_group:
    case SYS_rt_sigreturn:
      a[0] &= 63;  // other statuses are those of a broken monitor
      return one_in(r, 40);
    case SYS_sync:
    case SYS_syncfs:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_reboot:
    case SYS_vhangup: return one_in(r, 20);
    case SYS_kill:
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_prlimit64:
    case SYS_sched_setaffinity:
    case SYS_sched_setparam:
    case SYS_sched_setscheduler:
    case SYS_sched_setattr:
    case SYS_setpgid:
    case SYS_process_vm_writev:
    case SYS_ptrace:
    case SYS_migrate_pages:
    case SYS_move_pages:
      confine_pid(r, &a[0]);
      if (call->number == SYS_tgkill || call->number == SYS_rt_tgsigqueueinfo) confine_pid(r, &a[1]);
      return true;
    case SYS_pidfd_open: confine_pid(r, &a[0]); return true;
    case SYS_setpriority:
    case SYS_ioprio_set:  // by user it would reach other runs
      a[0] = 1;
      confine_pid(r, &a[1]);
      return true;
    case SYS_fcntl:
      if ((uint32_t)a[1] == 8) confine_pid(r, &a[2]);  // F_SETOWN
      return true;
    case SYS_shmget:
    case SYS_semget:
    case SYS_msgget:  // no other program's objects
      a[0] = one_in(r, 2) ? 0 : 0x0f0f0000 + below(r, 8);
      return true;
    case SYS_rt_sigaction: return (uint32_t)a[0] != kWakeSignal;
    case SYS_alarm: a[0] |= 64; return true;
  }
  return true;
}

void objects_remove(void) {
  for (uint32_t i = 0; i < kObjects; i++) {
    const struct object object = shared->object[i];
    if (object.number == SYS_shmget) syscall(SYS_shmctl, object.id, IPC_RMID, NULL);
    if (object.number == SYS_semget) syscall(SYS_semctl, object.id, 0, IPC_RMID);
    if (object.number == SYS_msgget) syscall(SYS_msgctl, object.id, IPC_RMID, NULL);
    shared->object[i] = (struct object){0, 0};
  }
}

// Six registers, and nothing between a child and its end: it has no stack that it may touch.
long raw_call(const struct call* call) {
  const uint32_t number = (uint32_t)call->number;
  const bool clones =
      number == SYS_clone || number == SYS_fork || number == SYS_vfork || number == SYS_clone3;
  register uint64_t r10 __asm__("r10") = call->arg[3];
  register uint64_t r8 __asm__("r8") = call->arg[4];
  register uint64_t r9 __asm__("r9") = call->arg[5];
  register uint64_t child __asm__("r12") = clones;
  long result;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "test %%r12, %%r12\n\t"
      "jz 1f\n\t"
      "mov $60, %%eax\n\t"  // exit
      "xor %%edi, %%edi\n\t"
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "=a"(result), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(child)
      : "0"(call->number), "D"(call->arg[0]), "S"(call->arg[1]), "d"(call->arg[2])
      : "rcx", "r11", "memory");
  if (result >= 0 && (number == SYS_shmget || number == SYS_semget || number == SYS_msgget)) {
    const uint32_t at = atomic_fetch_add(&shared->objects, 1) % kObjects;
    shared->object[at] = (struct object){number, (int)result};
  }
  return result;
}
