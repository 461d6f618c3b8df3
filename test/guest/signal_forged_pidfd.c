// Shows: a fault's siginfo sent through a pidfd: to oneself it arrives as sent, to anybody else it is refused.
// run: both
#include "guest.h"
#include <sys/pidfd.h>

static volatile int seen;
static void handler(int signo, siginfo_t* info, void* context UNUSED) {
  seen++;
  printf("%s code %d addr %lx\n", sigabbrev_np(signo), info->si_code, info->si_code == SI_USER ? 0ul : (unsigned long)info->si_addr);
}

static long forge(int pidfd, int signo, int named, int code, unsigned flags) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = named;
  info.si_code = code;
  info.si_addr = (void*)0x1234;
  return syscall(SYS_pidfd_send_signal, pidfd, signo, &info, flags);
}

// Not the process's leader: the process is somebody else to the kernel, so nothing may be forged.
static void* in_thread(void* own) {
  SHOW(forge(*(int*)own, SIGSEGV, SIGSEGV, SEGV_MAPERR, 0));
  SHOW(forge(*(int*)own, SIGBUS, SIGBUS, SI_KERNEL, 0));
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_KERNEL;
  SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGSEGV, &info));
  SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGSEGV, &info));
  SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV, &info));
  return NULL;
}

int main(void) {
  MUST(setpgid(0, 0) == 0 || getpgrp() == getpid() ? 0 : -1);
  struct sigaction action = {.sa_flags = SA_SIGINFO};
  action.sa_sigaction = handler;
  MUST(sigaction(SIGSEGV, &action, NULL));
  MUST(sigaction(SIGBUS, &action, NULL));
  int own = MUST(syscall(SYS_pidfd_open, getpid(), 0));
  int codes[] = {SEGV_MAPERR, SEGV_ACCERR, SI_KERNEL, 6, SI_QUEUE, SI_TIMER, 1000};
  for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
    printf("code %d\n", codes[i]);
    SHOW(forge(own, SIGSEGV, SIGSEGV, codes[i], 0));
    SHOW(forge(own, SIGBUS, SIGBUS, codes[i], 0));
  }
  SHOW(forge(own, SIGSEGV, SIGBUS, SEGV_MAPERR, 0));
  SHOW(forge(own, SIGSEGV, SIGSEGV, SEGV_MAPERR, 1u << 20));
  SHOW(forge(99, SIGSEGV, SIGSEGV, SEGV_MAPERR, 0));
  SHOW(forge(99, SIGSEGV, SIGBUS, SEGV_MAPERR, 0));
  SHOW(syscall(SYS_pidfd_send_signal, own, SIGSEGV, 8, 0));
  SHOW(syscall(SYS_pidfd_send_signal, own, SIGBUS, NULL, 0));
  SHOW(syscall(SYS_pidfd_send_signal, own, 0, NULL, 0));
  SHOW(syscall(SYS_pidfd_send_signal, own, 99, NULL, 0));
  // To a thread, its group and the process group (Linux 6.9).
  for (unsigned flag = 1; flag <= 4; flag <<= 1) SHOW(forge(own, SIGSEGV, SIGSEGV, SEGV_MAPERR, flag));

  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  MUST(sigprocmask(SIG_BLOCK, &set, &old));
  int before = seen;
  SHOW(forge(own, SIGSEGV, SIGSEGV, SI_KERNEL, 0));
  CHECK(seen == before);
  SHOW(write(1, (void*)4096, 4));
  MUST(sigprocmask(SIG_SETMASK, &old, NULL));
  CHECK(seen == before + 1);
  signal(SIGSEGV, SIG_IGN);
  SHOW(forge(own, SIGSEGV, SIGSEGV, SI_KERNEL, 0));
  MUST(sigaction(SIGSEGV, &action, NULL));

  pthread_t thread;
  MUST(-pthread_create(&thread, NULL, in_thread, &own));
  pthread_join(thread, NULL);

  // Another process.
  int ready[2];
  MUST(pipe(ready));
  pid_t child = MUST(fork());
  if (!child) {
    MUST(write(ready[1], "x", 1));
    for (;;) pause();
  }
  char byte;
  MUST(read(ready[0], &byte, 1));
  int other = MUST(syscall(SYS_pidfd_open, child, 0));
  SHOW(forge(other, SIGSEGV, SIGSEGV, SEGV_MAPERR, 0));
  SHOW(forge(other, SIGBUS, SIGBUS, SI_KERNEL, 0));
  SHOW(kill(child, SIGKILL));
  reap("child", child);
  SHOW(forge(other, SIGSEGV, SIGSEGV, SEGV_MAPERR, 0));
  return guest_failed();
}
