// Purpose: how a monitor is started: by Node (first start) and by a monitor that execs (later ones).
// Owner:   abi; written by lib/ (little-endian, packed as below) and read by monitor/start.cc.
// Trust:   the first start's blob comes from Node; the exec state comes from a monitor. A guest can
//          reach neither (private fds), yet both are checked in full.
//
// First start: execve(monitor, argv, envp) with argv and envp as the guest program gets them, and
//   fd 0,1,2  the guest's
//   fd 3      /dev/kvm, opened and verified
//   fd 4      a memfd or file with StartBlob + its strings
//   fd 5      the monitor's own image, O_PATH or O_RDONLY
//   fd 6..    `extra_fds` descriptors that become the guest's 3.. or `numbers`
// The monitor parks 3, 4, 5 out of the guest's sight (monitor/fds.h).
//
// By a container runtime (native/runtime) the same with kStartEntrypoint: argv[0] is then the name under which the
// runtime has executed the monitor, which execs its image once more with what follows.
//
// Exec: execveat(image, "", argv, envp, AT_EMPTY_PATH). AT_EXECFN is then "/dev/fd/N": N is the image's
// number and with it the base of the private block, where ExecState waits in the pipe at kFdExecState.
#ifndef BARCHAN_ABI_START_H
#define BARCHAN_ABI_START_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kStartMagic = 0x4e435242;  // "BRCN"
constexpr u32 kStartVersion = 3;

// Bits of StartBlob::flags.
constexpr u32 kStartTrace = 1u << 0;           // write one line per system call to fd `trace_fd`
constexpr u32 kStartSelfTest = 1u << 1;        // run the entry-mode self-test, print one JSON line, exit
constexpr u32 kStartForceUserEntry = 1u << 3;  // tests only: behave as if the self-test said `user`
constexpr u32 kStartSearchPath = 1u << 4;      // look a `program` without '/' up in PATH, as execvp(3) does
constexpr u32 kStartFileLimit = 1u << 5;       // the guest's RLIMIT_NOFILE is `file_soft` and `file_hard`
constexpr u32 kStartShowPolicy = 1u << 6;  // print what the policy lets reach the host, one JSON line, exit
constexpr u32 kStartEntrypoint = 1u << 7;  // argv[0] is not the guest's; nobody reads of the guest's death
constexpr u32 kStartRingOn = 1u << 9;      // tests: by the ring whenever it can be
constexpr u32 kStartRingAuto = 1u << 10;   // by the ring while it pays (monitor/ring/ring.h)
constexpr u32 kStartPatchOn = 1u << 11;    // tests: patch each site at its first call
constexpr u32 kStartPatchOff = 1u << 12;   // the guest's code stays as it is
constexpr u32 kStartAnswersOn = 1u << 13;  // tests: by monitor/answers/ after one call
constexpr u32 kStartAnswersOff = 1u << 14;

constexpr u32 kStartTerminal = 1u << 8;  // a session of its own, with the terminal on fd 0

// Added by the monitor to what it carries from exec to exec: this is the process that Node started.
constexpr u32 kStateFirst = 1u << 31;
// And: some thread has been in a Landlock domain of the guest's, so that the host is to judge what is executed.
constexpr u32 kStateRestricted = 1u << 30;

struct StartBlob {
  u32 magic;    // kStartMagic
  u32 version;  // kStartVersion
  u32 size;     // of the whole blob, strings included; at most 64 KiB
  u32 flags;
  u32 extra_fds;   // 0..1000: how many descriptors from fd 6 on are the guest's
  i32 trace_fd;    // number at start, or -1; parked by the monitor
  i32 report_fd;   // where the monitor writes its one structured line on failure, or -1
  u32 program;     // offset of the NUL-terminated path of the program (already searched in PATH)
  u32 cwd;         // offset of a NUL-terminated directory to enter first, or 0
  u32 sandbox_fd;  // the keeper's pidfd; SandboxBlob is on the next number (abi/sandbox.h); 0: no sandbox
  u32 file_soft;   // with kStartFileLimit, else 0
  u32 file_hard;
  u32 policy_fd;  // number at start of a descriptor with the policy (abi/policy.h), or 0: none; parked
  u32 numbers;  // offset of `extra_fds` u32, ascending: the guest's numbers of these descriptors; 0: 3, 4, ...
  u32 filter;   // offset, a multiple of 4, of `filter_length` sock_filter: a seccomp filter that the guest
  u32 filter_length;    // has from its start on; 0: none
  u32 intercept_fd;     // number at start of Node's socket for calls that it decides, or 0: none; parked
  u32 intercept_calls;  // offset of 64 bytes: bit n of them is set when call n is asked about; 0: none
  u32 counters_fd;      // number at start of a memfd with the slots of abi/counters.h, or 0: none; parked
  u32 events_fd;  // number at start of a memfd (abi/events.h), with its eventfd on the next one, or 0: none; parked
  u32 program_id;  // Node's number for this program, for its events
  u32 breach_fd;   // number at start that the supervisor puts its socket for the listener on, or 0: none
  u32 chaos_fd;    // number at start of a descriptor with rules (abi/chaos.h), or 0: none; parked
  u32 debug_fd;    // number at start of the debugger's socket (abi/debug.h), or 0: none; parked
};
static_assert(sizeof(StartBlob) == 96);

// How the guest program was not started or ended by the monitor's own doing: one JSON line on
// report_fd, {"code":"ERR_...","errno":N,"what":"...","path":"..."}, and this exit status.
constexpr int kExitStartFailed = 125;    // configuration, /dev/kvm, VM creation
constexpr int kExitNotExecutable = 126;  // found, cannot be run (EACCES, ENOEXEC, bad ELF ...)
constexpr int kExitNotFound = 127;

}  // namespace barchan::abi

#endif
