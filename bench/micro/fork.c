// fork, exit of the child, wait.
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

static void once(void) {
  if (fork() == 0) _exit(0);
  wait(NULL);
}

int main(void) { MEASURE(5, 10, once()); }
