// Gets new privileges by namespaces of its own: unshare, clone, clone3, setns.
// @technique T1611
// @weakness CWE-250
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done clone user
// @attempts 14
#include <linux/sched.h>
#include <sched.h>

#include "../attack.h"

static long clone_with(unsigned long flags) {
  long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, NULL, 0);
  return child;
}
static long clone3_with(unsigned long flags) {
  struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
  long child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(0);
  if (child > 0) waitpid(child, NULL, 0);
  return child;
}

int main(void) {
  int native = getenv("ATTACK_NATIVE") != NULL;
  static const struct {
    const char* name;
    unsigned long flag;
  } kinds[] = {{"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID}, {"net", CLONE_NEWNET},
               {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char name[32];
    snprintf(name, sizeof name, "clone %s", kinds[i].name);
    ATTEMPT(name, clone_with(kinds[i].flag));
    snprintf(name, sizeof name, "clone3 %s", kinds[i].name);
    ATTEMPT(name, clone3_with(kinds[i].flag));
    snprintf(name, sizeof name, "unshare %s", kinds[i].name);
    ATTEMPT(name, native ? -1 : unshare(kinds[i].flag));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", i == 1 ? "mnt" : kinds[i].name);
    snprintf(name, sizeof name, "setns %s", kinds[i].name);
    ATTEMPT(name, native ? -1 : setns(open(path, O_RDONLY), 0));
  }
  return 0;
}
