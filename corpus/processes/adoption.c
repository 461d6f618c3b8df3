// Outlives its sandbox: children that leave the session, the group, the parent and the terminal behind.
// @technique T1564
// @weakness CWE-404
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: the judge looks for what is left; a native child would be left
// @attempts 1
#include "../attack.h"

int main(void) {
  pid_t children[8];
  for (int i = 0; i < 8; i++) {
    if ((children[i] = fork()) == 0) {
      setsid();
      if (fork() == 0) {
        for (int s = 1; s < 65; s++) signal(s, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, 0);
        prctl(PR_SET_NAME, "attack-left");
        close(0), close(1), close(2);
        for (;;) sleep(1000);
      }
      _exit(0);
    }
  }
  // Not for all: where it is the first process of a PID namespace, those that it leaves behind become its own children.
  for (int i = 0; i < 8; i++) waitpid(children[i], NULL, 0);
  say_stopped("outlive", "judged-from-outside");
  return 0;
}
