// Purpose: the talk between Node and the supervisor of one started program.
// Owner:   abi; spoken by lib/control.ts and native/supervisor.
// Trust:   the control socket belongs to Node and the supervisor alone; no guest ever has it.
//
// Node starts the supervisor where it would start a monitor, with the descriptors of abi/start.h and
// one more, the control socket, at the number after the highest that the StartBlob names. The
// supervisor starts the monitor as its child, with argv, envp and descriptors as they are.
//
// Supervisor to Node: JSON lines.
//   {"event":"started","pid":N}        the guest's process, as soon as it exists
//   {"event":"failed","errno":N,"what":"..."}  it could not be started; no other event follows; in a sandbox
//                                      "step" and perhaps "path" instead of "what" (sandbox/failure.h)
//   {"event":"stopped","signal":N}     by SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU
//   {"event":"limit","limit":"wallMs"} the sandbox's time is over; the exit follows
//   {"event":"breach","pid":N,"guestPid":N,"guestTid":N,"call":N,"arch":N,"instruction":"0x..","arguments":["0x..", 6 of them]}
//                                      a monitor broke its filter; all end. Without the rest: nothing more is known
//   {"event":"exit","status":N,"userUs":N,"systemUs":N,"maxRssKiB":N}  N of status as wait(2) has it
// Node to supervisor: pairs of bytes, operation and argument. The supervisor stays until Node has seen the
// exit event: a write to a socket whose other end has gone would make Node drop what it has not yet read.
#ifndef BARCHAN_ABI_SUPERVISOR_H
#define BARCHAN_ABI_SUPERVISOR_H

namespace barchan::abi {

enum SupervisorOperation : unsigned char {
  kOpSignal = 'k',   // send signal `argument` to the first process
  kOpForward = 'f',  // the same, unless its process group, ours too, has already been sent it
  kOpEnd = 'x',      // SIGKILL to all processes of the guest, then leave; so does the end of the socket
  kOpKeep = 'd',     // leave processes in the background alone when the first one has ended
  kOpSeen = 's',     // the exit event has arrived
};

}  // namespace barchan::abi

#endif
