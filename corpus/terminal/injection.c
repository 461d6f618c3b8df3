// Types into its terminal as if its user had, takes the terminal away, changes the console's.
// @technique T1056
// @weakness CWE-77
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: kernels refuse part of it themselves (dev.tty.legacy_tiocsti), and the rest would change the host's console
// @attempts 7
#include <linux/tiocl.h>
#include <pty.h>
#include <termios.h>

#include "../attack.h"

int main(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  CONTROL("pty", master);
  grantpt(master), unlockpt(master);
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  CONTROL("its other end", slave);
  char byte = 'x', command[2] = {TIOCL_PASTESEL, 0};
  ATTEMPT("TIOCSTI", ioctl(slave, TIOCSTI, &byte));
  ATTEMPT("TIOCSTI with bits above", syscall(SYS_ioctl, slave, TIOCSTI | 1UL << 32, &byte));
  ATTEMPT("TIOCLINUX", ioctl(slave, TIOCLINUX, command));
  ATTEMPT("TIOCCONS", ioctl(slave, TIOCCONS, 0));
  ATTEMPT("TIOCSETD to a network's", ioctl(slave, TIOCSETD, &(int){21}));
  ATTEMPT("KDSETMODE", ioctl(slave, 0x4b3a, 1));
  ATTEMPT("VT_ACTIVATE", ioctl(slave, 0x5606, 1));
  ATTEMPT("console of the host", open("/dev/tty1", O_RDWR | O_NOCTTY));
  return 0;
}
