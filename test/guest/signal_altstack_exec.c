// Shows: an exec takes the alternate stack away and leaves its flags, which the first frame in the new program shows.
// run: both
#include "guest.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static char stack[65536];
static const char* program;

static void handler(int signo UNUSED, siginfo_t* info UNUSED, void* context) {
  ucontext_t* uc = context;
  stack_t now;
  MUST(sigaltstack(NULL, &now));
  printf("frame: flags %x size %zu %s; now: flags %x size %zu\n", uc->uc_stack.ss_flags, uc->uc_stack.ss_size,
         uc->uc_stack.ss_sp ? "set" : "null", now.ss_flags, now.ss_size);
}

static void receive(void) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGUSR1, &action, NULL));
  raise(SIGUSR1);
}

static void* exec_in_thread(void* unused UNUSED) {
  execl(program, "self", "show", NULL);
  return NULL;
}

static void exec_with(const char* what, unsigned flags, int thread) {
  printf("%s\n", what);
  pid_t pid = MUST(fork());
  if (pid == 0) {
    stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack, .ss_flags = (int)flags};
    MUST(sigaltstack(&mine, NULL));
    if (thread) {
      pthread_t id;
      pthread_create(&id, NULL, exec_in_thread, NULL);
      pthread_join(id, NULL);
    }
    execl("/does/not/exist", "self", NULL);
    stack_t still;
    MUST(sigaltstack(NULL, &still));
    printf("before: flags %x size %zu\n", still.ss_flags, still.ss_size);
    execl(program, "self", "show", NULL);
    _exit(1);
  }
  reap("new program", pid);
}

int main(int argc, char** argv) {
  if (argc > 1) {
    receive();
    return 0;
  }
  program = argv[0];
  exec_with("disabled", SS_DISABLE, 0);
  exec_with("flags 0", 0, 0);
  exec_with("SS_ONSTACK", SS_ONSTACK, 0);
  exec_with("SS_AUTODISARM", SS_AUTODISARM, 0);
  exec_with("SS_AUTODISARM and disabled", SS_AUTODISARM | SS_DISABLE, 0);
  exec_with("by a new thread", 0, 1);
  return guest_failed();
}
