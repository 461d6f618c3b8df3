// Writes the host's settings and reads its secrets through /proc and /sys.
// @technique T1611
// @weakness CWE-668
// @stopped-by namespace
// @options {"policy":"compat"}
// @control none: natively, as root, these would change the host
// @attempts 20
#include <dirent.h>

#include "../attack.h"

int main(void) {
  static const char* written[] = {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
                                  "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/binfmt_misc/register",
                                  "/proc/sysrq-trigger", "/proc/irq/0/smp_affinity", "/proc/acpi/wakeup", "/sys/kernel/uevent_helper",
                                  "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/net/lo/mtu", "/sys/fs/cgroup/release_agent",
                                  "/sys/module/kvm/parameters/halt_poll_ns", "/proc/bus/pci/00/00.0"};
  for (unsigned i = 0; i < sizeof written / sizeof *written; i++) ATTEMPT(written[i], write_file(written[i], "0\n", 2) < 0 ? -1 : 0);
  static const char* read[] = {"/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/timer_list", "/proc/sched_debug",
                               "/proc/kpagecount", "/sys/firmware/acpi/tables/DSDT", "/sys/kernel/debug/tracing/trace", "/proc/driver/rtc"};
  char byte[16];
  for (unsigned i = 0; i < sizeof read / sizeof *read; i++) ATTEMPT(read[i], read_file(read[i], byte, sizeof byte));
  return 0;
}
