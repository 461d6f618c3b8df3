// Writes terminal sequences to where its judge may print them, and floods its output.
// @technique T1491
// @weakness CWE-150
// @stopped-by limit
// @options {"policy":"compat"}
// @control none: what is shown is that a flood neither fills Node.js nor stops it
// @attempts 1
#include "../attack.h"

int main(void) {
  static char line[4096];
  memset(line, 'x', sizeof line);
  memcpy(line, "\033]0;owned\007\033[2J", 15);
  line[sizeof line - 1] = '\n';
  for (int i = 0; i < 200; i++) fwrite(line, 1, sizeof line, stdout);
  say_stopped("flood", "bounded");
  return 0;
}
