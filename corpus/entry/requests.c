// Sends ioctl requests of hypervisors, disks, networks and file systems to descriptors of every kind that it has.
// @technique T1068
// @weakness CWE-782
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively, as root, several of these would change the host's network and file systems
// @attempts 60
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <netinet/in.h>

#include "../attack.h"

int main(void) {
  int kinds[] = {open("/dev/null", O_RDWR), open("/dev/zero", O_RDWR), open("/tmp", O_RDONLY), socket(AF_INET, SOCK_DGRAM, 0), posix_openpt(O_RDWR | O_NOCTTY)};
  static const char* of[] = {"null", "zero", "folder", "socket", "terminal"};
  static const struct {
    const char* name;
    unsigned long request;
  } requests[] = {{"KVM_GET_API_VERSION", KVM_GET_API_VERSION}, {"KVM_CREATE_VM", KVM_CREATE_VM}, {"KVM_CREATE_VCPU", KVM_CREATE_VCPU},
                  {"BLKGETSIZE", BLKGETSIZE}, {"BLKRRPART", BLKRRPART}, {"FIFREEZE", FIFREEZE}, {"FITHAW", FITHAW}, {"FITRIM", FITRIM},
                  {"FS_IOC_FSSETXATTR", FS_IOC_FSSETXATTR}, {"TUNSETIFF", TUNSETIFF}, {"SIOCSIFFLAGS", SIOCSIFFLAGS},
                  {"SIOCSIFADDR", SIOCSIFADDR}, {"SIOCADDRT", SIOCADDRT}, {"FIBMAP", FIBMAP}};
  static char argument[4096];
  for (unsigned r = 0; r < sizeof requests / sizeof *requests; r++)
    for (int k = 0; k < 5; k++) {
      char name[64];
      snprintf(name, sizeof name, "%s to a %s", requests[r].name, of[k]);
      memset(argument, 0, sizeof argument);
      strcpy(argument, "barchan0");
      ATTEMPT(name, ioctl(kinds[k], requests[r].request, argument));
    }
  return 0;
}
