// Purpose: learning of a monitor that made a call of the host which its filter does not allow (adr/0007): the kernel stops
//          the call and tells the listener of the filter, which the monitor hands over here before its guest runs.
// Owner:   supervisor. Threads: one.
// Trust:   what the kernel says of the call is what a monitor that was taken over put in its registers. Nothing is ever answered:
//          an answer is the only way in which such a call could go on.
#ifndef BARCHAN_SUPERVISOR_BREACH_H
#define BARCHAN_SUPERVISOR_BREACH_H

#include "host/types.h"

namespace barchan::supervisor {

struct Breach {
  bool known = false;                       // what it was: the rest; else it was gone before it could be read
  i32 process = 0;                          // as seen from here; 0: gone already
  i32 guest_process = 0, guest_thread = 0;  // as its guest sees them
  i32 call = 0;
  u32 architecture = 0;  // AUDIT_ARCH_*
  u64 instruction = 0;
  u64 arguments[6] = {};
};

// First the socket that the listener comes by, then the listener.
class BreachWatch {
 public:
  // Makes the socket; its other end is put on `number`, for the monitor. 0 or -errno.
  i64 open(int number);
  // Moves what is watched to `number`, closed on exec.
  void move(int number);
  // To be polled for POLLIN; -1: nothing will come.
  int descriptor() const { return fd_; }
  // When the poll has returned `events`. True: there was a breach. Its thread waits in the kernel, and
  // all processes are yet to be killed: parents first (family.h), before they can go on with what their child's end lets them.
  bool look(short events, Breach& breach);

 private:
  void close();

  int fd_ = -1;
  bool listening_ = false;
};

}  // namespace barchan::supervisor

#endif
