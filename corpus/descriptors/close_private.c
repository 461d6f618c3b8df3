// Closes the monitor's descriptors: one by one, by range, by exec, by lowering limits; then needs the monitor.
// @technique T1489
// @weakness CWE-675
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done close
// @attempts 3
// @reads descriptors
#include "../attack.h"

int main(int argc, char** argv) {
  if (argc > 1) return 0;
  // Where a policy lets it make no child, that it can make none afterwards is no harm.
  int status = 0;
  pid_t child = fork();
  if (child == 0) _exit(7);
  const int could = child > 0 && waitpid(child, &status, 0) == child && status == 7 << 8;
  int numbers[4096];
  int count = read_descriptors(numbers, 4096), closed = 0, native = getenv("ATTACK_NATIVE") != NULL;
  for (int i = 0; i < count; i++)
    if (native ? numbers[i] == 0 : numbers[i] > 2) closed |= close(numbers[i]) == 0;
  MUST_NOT("close", closed, "EBADF");
  syscall(SYS_close_range, 3, ~0U, 0);
  syscall(SYS_close_range, 3, ~0U, 2);
  syscall(SYS_close_range, 3, ~0U, 4);
  // A fork needs a new VM, an exec needs everything.
  child = fork();
  if (child == 0) _exit(7);
  status = 0;
  CONTROL("fork", child);
  CONTROL("wait", waitpid(child, &status, 0));
  MUST_NOT("harm by close_range", (could || child > 0) && status != 7 << 8, "unharmed");
  struct rlimit none = {3, 3};
  setrlimit(RLIMIT_NOFILE, &none);
  child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "again", "again", NULL);
    _exit(9);
  }
  if (waitpid(child, &status, 0) == child) MUST_NOT("harm by the limit", WIFEXITED(status) && WEXITSTATUS(status) == 125, "unharmed");
  return 0;
}
