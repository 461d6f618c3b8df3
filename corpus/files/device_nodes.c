// Makes device nodes for the host's disks and memory, and opens those that there are.
// @technique T1006
// @weakness CWE-732
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: natively these are the host's disks
// @attempts 14
#include <sys/sysmacros.h>

#include "../attack.h"

int main(void) {
  static const struct {
    const char* name;
    int type, major, minor;
  } nodes[] = {{"mem", S_IFCHR, 1, 1}, {"port", S_IFCHR, 1, 4}, {"sda", S_IFBLK, 8, 0}, {"vda", S_IFBLK, 254, 0}, {"loop", S_IFBLK, 7, 0},
               {"kvm", S_IFCHR, 10, 232}, {"fuse", S_IFCHR, 10, 229}, {"tun", S_IFCHR, 10, 200}, {"tty", S_IFCHR, 4, 1}};
  for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    char path[64], name[64];
    snprintf(path, sizeof path, "/tmp/attack-%s", nodes[i].name);
    long made = mknod(path, nodes[i].type | 0666, makedev(nodes[i].major, nodes[i].minor));
    if (made == 0) made = open(path, O_RDWR | O_NONBLOCK);
    snprintf(name, sizeof name, "make %s", nodes[i].name);
    ATTEMPT(name, made);
    unlink(path);
  }
  static const char* there[] = {"/dev/kvm", "/dev/mem", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/net/tun", "/dev/kmsg"};
  for (unsigned i = 0; i < sizeof there / sizeof *there; i++) ATTEMPT(there[i], open(there[i], O_RDWR | O_NONBLOCK));
  return 0;
}
