// Purpose: start [--trace] [--self-test] [--force-user] MONITOR PROGRAM [ARGS...]
//          Runs PROGRAM (a path) under MONITOR, as Node would start it.
#include "start_monitor.h"

int main(int argc, char** argv, char** envp) {
  uint32_t flags = 0;
  int at = 1;
  for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
    if (!strcmp(argv[at], "--trace")) flags |= barchan::abi::kStartTrace;
    else if (!strcmp(argv[at], "--self-test")) flags |= barchan::abi::kStartSelfTest;
    else if (!strcmp(argv[at], "--force-user")) flags |= barchan::abi::kStartForceUserEntry;
    else at = argc;
  }
  if (argc - at < 2) {
    fprintf(stderr, "usage: start [--trace] [--self-test] [--force-user] MONITOR PROGRAM [ARGS...]\n");
    return 2;
  }
  barchan::test::start_monitor(argv[at], argv[at + 1], argv + at + 1, envp, flags);
}
