// Reaches large and young interfaces of the host's kernel: modules, programs in it, rings, keys, tracing, faults.
// @technique T1068
// @weakness CWE-1188
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively, as root, several of these would load code into the host's kernel or stop it
// @attempts 26
#include "../attack.h"

int main(void) {
  static const struct {
    const char* name;
    long number;
  } calls[] = {{"init_module", SYS_init_module}, {"finit_module", SYS_finit_module}, {"delete_module", SYS_delete_module},
               {"kexec_load", SYS_kexec_load}, {"kexec_file_load", SYS_kexec_file_load}, {"bpf", SYS_bpf},
               {"perf_event_open", SYS_perf_event_open}, {"userfaultfd", SYS_userfaultfd}, {"io_uring_setup", SYS_io_uring_setup},
               {"io_uring_enter", SYS_io_uring_enter}, {"io_uring_register", SYS_io_uring_register}, {"keyctl", SYS_keyctl},
               {"add_key", SYS_add_key}, {"request_key", SYS_request_key}, {"ptrace", SYS_ptrace}, {"syslog", SYS_syslog}, {"acct", SYS_acct}, {"quotactl", SYS_quotactl},
               {"lookup_dcookie", SYS_lookup_dcookie}, {"open_by_handle_at", SYS_open_by_handle_at}, {"reboot", SYS_reboot},
               {"swapoff", SYS_swapoff}, {"vhangup", SYS_vhangup}, {"nfsservctl", SYS_nfsservctl}, {"uselib", SYS_uselib},
               {"fanotify_init", SYS_fanotify_init}};
  static char zero[4096];
  for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
    // Arguments that a kernel would look at further: what is refused here is refused for what it is.
    errno = 0;
    long r = syscall(calls[i].number, 0, zero, sizeof zero, 0, 0);
    MUST_NOT(calls[i].name, r >= 0 || (errno != EPERM && errno != ENOSYS && errno != EACCES && errno != EOPNOTSUPP), error_name());
  }
  ATTEMPT("iopl", syscall(SYS_iopl, 3));
  ATTEMPT("ioperm", syscall(SYS_ioperm, 0x60, 4, 1));
  return 0;
}
