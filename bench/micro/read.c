// read(2) of one byte from /dev/zero.
#include <fcntl.h>
#include <unistd.h>

#include "measure.h"

int main(void) {
  char byte;
  int fd = open("/dev/zero", O_RDONLY);
  MEASURE(20, 2000, if (read(fd, &byte, 1) != 1) return 1);
}
