// Shows: a vfork child shares memory and suspends its parent until it execs or exits; several in a row and nested.
// run: both
#include "guest.h"

static volatile int value;
static pid_t vfork_exit(int code) {
  pid_t pid = vfork();
  if (!pid) {
    value = code;
    _exit(code);
  }
  return pid;
}
static void* in_thread(void* argument) {
  pid_t pid = vfork();
  if (!pid) {
    execl("/proc/self/exe", "me", "child", (char*)argument, NULL);
    _exit(99);
  }
  reap("vfork+exec in a thread", pid);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc > 1) {
    printf("exec'd: %s %s value %d\n", argv[1], argc > 2 ? argv[2] : "", value);
    return 12;
  }
  for (int i = 0; i < 5; i++) {
    pid_t pid = vfork_exit(i + 1);
    printf("value right after: %d\n", value);
    reap("vfork", pid);
  }
  pid_t pid = vfork();
  if (!pid) {
    value = 77;
    char* arguments[] = {"me", "child", NULL};
    execv("/proc/self/exe", arguments);
    _exit(98);
  }
  reap("vfork+exec", pid);  // first, as its output comes after the parent is awake
  printf("value %d\n", value);
  pid = vfork();
  if (!pid) {
    execl("/does/not/exist", "x", NULL);
    value = errno;
    _exit(97);
  }
  printf("failed exec: %s\n", errno_name(value));
  reap("failed exec", pid);
  pid = vfork();
  if (!pid) {
    kill(getpid(), SIGKILL);
    _exit(1);
  }
  reap("killed", pid);
  pid = fork();
  if (!pid) {
    pid_t inner = vfork_exit(5);
    reap("vfork in a fork", inner);
    _exit(6);
  }
  reap("fork", pid);
  pthread_t thread;
  pthread_create(&thread, NULL, in_thread, "thread");
  pthread_join(thread, NULL);
  double start = seconds();
  pid = vfork();
  if (!pid) {
    usleep(50000);
    _exit(0);
  }
  CHECK(seconds() - start >= 0.049);
  reap("slow child", pid);
  return guest_failed();
}
