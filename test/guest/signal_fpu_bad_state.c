// Shows: a frame whose vector state the processor refuses ends the program by SIGSEGV, whatever part of it is bad.
// run: both
#include "guest.h"
#include <sys/ucontext.h>

static volatile int mode;

static void handler(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  ucontext_t* uc = context;
  unsigned char* area = (unsigned char*)uc->uc_mcontext.fpregs;
  uint64_t sse = 2;
  if (mode == 0) uc->uc_mcontext.fpregs->mxcsr = 0xffffffff;
  if (mode == 1) uc->uc_mcontext.fpregs = (void*)16;
  if (mode == 2) area[520] = 1;  // reserved in the header
  if (mode == 3) area[519] = 0x40;  // a component that no processor has
  if (mode == 4) memset(area + 464, 0, 48), uc->uc_mcontext.fpregs->mxcsr = 0xffffffff;  // FXSAVE part only
  if (mode == 5) memcpy(area + 472, &sse, 8), uc->uc_mcontext.fpregs->mxcsr = 0xffffffff;
}

int main(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  for (int how = 0; how < 6; how++) {
    pid_t pid = MUST(fork());
    if (pid == 0) {
      mode = how;
      raise(SIGUSR1);
      _exit(0);
    }
    printf("mode %d ", how);
    reap("bad state", pid);
  }
  return guest_failed();
}
