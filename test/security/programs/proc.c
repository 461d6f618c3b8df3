// What procfs and sysfs tell or do beyond the sandbox.
#include "attempt.h"

#include <dirent.h>

int main(void) {
  CONTROL("read /proc/self/status", read_from("/proc/self/status"));
  CONTROL("read /proc/meminfo", read_from("/proc/meminfo"));
  ATTEMPT("kcore", read_from("/proc/kcore"));
  ATTEMPT("kmsg", read_from("/proc/kmsg"));
  ATTEMPT("kallsyms", read_from("/proc/kallsyms"));
  ATTEMPT("keys", read_from("/proc/keys"));
  ATTEMPT("timer_list", read_from("/proc/timer_list"));
  ATTEMPT("interrupts", read_from("/proc/interrupts"));
  ATTEMPT("slabinfo", read_from("/proc/slabinfo"));
  ATTEMPT("sched_debug", read_from("/proc/sched_debug"));
  ATTEMPT("sysrq", write_to("/proc/sysrq-trigger", "?") == 0 && ({
            struct stat s;
            stat("/proc/sysrq-trigger", &s) != 0 || !S_ISCHR(s.st_mode);
          })
              ? 0
              : (errno = EACCES, -1));
  ATTEMPT("core_pattern", write_to("/proc/sys/kernel/core_pattern", "/tmp/core"));
  ATTEMPT("hostname by /proc/sys", write_to("/proc/sys/kernel/hostname", "other"));
  ATTEMPT("domainname", write_to("/proc/sys/kernel/domainname", "other"));
  ATTEMPT("modprobe", write_to("/proc/sys/kernel/modprobe", "/tmp/x"));
  ATTEMPT("shmmax", write_to("/proc/sys/kernel/shmmax", "1"));
  ATTEMPT("ip_forward", write_to("/proc/sys/net/ipv4/ip_forward", "1"));
  ATTEMPT("max_user_namespaces", write_to("/proc/sys/user/max_user_namespaces", "100"));
  ATTEMPT("drop_caches", write_to("/proc/sys/vm/drop_caches", "1"));
  ATTEMPT("irq affinity", write_to("/proc/irq/default_smp_affinity", "1"));
  ATTEMPT("uid_map", write_to("/proc/self/uid_map", "0 0 1"));
  ATTEMPT("setgroups", write_to("/proc/self/setgroups", "allow"));
  ATTEMPT("lower oom_score_adj", write_to("/proc/self/oom_score_adj", "-1000"));
  ATTEMPT("firmware", read_from("/sys/firmware/memmap/0/start"));
  ATTEMPT("acpi", read_from("/proc/acpi/wakeup"));
  ATTEMPT("sysfs", write_to("/sys/kernel/mm/ksm/run", "1"));
  ATTEMPT("sysfs power", write_to("/sys/power/state", "x"));
  ATTEMPT("uevent", write_to("/sys/class/mem/null/uevent", "change"));
  ATTEMPT("cgroup", write_to("/sys/fs/cgroup/cgroup.procs", "0"));
  ATTEMPT("cgroup v1", write_to("/sys/fs/cgroup/memory/release_agent", "/tmp/x"));
  ATTEMPT("debugfs", read_from("/sys/kernel/debug/sched/debug"));
  // Only processes of this program are there: 1, itself, and what it has made.
  DIR* proc = opendir("/proc");
  int strangers = 0;
  for (struct dirent* entry; (entry = readdir(proc));) {
    int pid = atoi(entry->d_name);
    if (pid > 1 && pid != getpid()) strangers++;
  }
  MUST_NOT("processes of others", strangers != 0);
  char cgroup[256] = "";
  int fd = open("/proc/self/cgroup", O_RDONLY);
  read(fd, cgroup, sizeof cgroup - 1);
  MUST_NOT("path of the cgroup", strstr(cgroup, "process_api") != NULL || strstr(cgroup, "docker") != NULL);
  return 0;
}
