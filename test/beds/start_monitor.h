// Purpose: starts the monitor without Node, by the first-start protocol of native/abi/start.h: for the beds, where
//          there is no Node, and for trying a monitor by hand.
// Threads: single.
#ifndef BARCHAN_TEST_BEDS_START_MONITOR_H
#define BARCHAN_TEST_BEDS_START_MONITOR_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "abi/start.h"

namespace barchan::test {

// Moves `fd` above the numbers that the protocol uses.
inline int out_of_the_way(int fd, const char* what) {
  if (fd < 0) {
    fprintf(stderr, "start: %s: %s\n", what, strerror(errno));
    _exit(abi::kExitStartFailed);
  }
  int moved = fcntl(fd, F_DUPFD, 20);
  close(fd);
  return moved;
}

// Becomes the monitor that runs `program` with `argv` and `envp`. Returns only by exiting with 125. `debugger`: a socket for
// abi/debug.h.
[[noreturn]] inline void start_monitor(const char* monitor, const char* program, char** argv, char** envp, uint32_t flags,
                                       int debugger = -1) {
  std::string strings(program);
  abi::StartBlob blob = {};
  blob.magic = abi::kStartMagic;
  blob.version = abi::kStartVersion;
  blob.size = static_cast<uint32_t>(sizeof blob + strings.size() + 1);
  blob.flags = flags;
  blob.trace_fd = flags & abi::kStartTrace ? 2 : -1;
  blob.report_fd = 2;
  blob.program = sizeof blob;
  constexpr int kDebugger = 6;
  if (debugger >= 0) {
    blob.debug_fd = kDebugger;
    debugger = out_of_the_way(debugger, "debugger");
  }
  int kvm = out_of_the_way(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
  int config = out_of_the_way(memfd_create("start", 0), "memfd");
  int image = out_of_the_way(open(monitor, O_RDONLY), monitor);
  if (write(config, &blob, sizeof blob) != sizeof blob ||
      write(config, strings.c_str(), strings.size() + 1) != static_cast<ssize_t>(strings.size() + 1)) {
    perror("start: write");
    _exit(abi::kExitStartFailed);
  }
  lseek(config, 0, SEEK_SET);
  syscall(SYS_close_range, 3, 19, 0);
  dup2(kvm, 3);
  dup2(config, 4);
  dup2(image, 5);
  if (debugger >= 0) dup2(debugger, kDebugger);
  syscall(SYS_close_range, debugger >= 0 ? kDebugger + 1 : kDebugger, ~0u, 0);
  execve(monitor, argv, envp);
  fprintf(stderr, "start: %s: %s\n", monitor, strerror(errno));
  _exit(abi::kExitStartFailed);
}

}  // namespace barchan::test

#endif
