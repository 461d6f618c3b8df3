// stat(2) of a file three directories down.
#include <sys/stat.h>

#include "measure.h"

int main(void) {
  struct stat status;
  MEASURE(20, 1000, if (stat("/usr/bin/env", &status) != 0) return 1);
}
