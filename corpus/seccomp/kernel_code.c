// A monitor that was taken over loads code into the host's kernel, or another kernel in its place.
// @technique T1547.006
// @weakness CWE-250
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 5
#include "../attack.h"

int main(void) {
  TAKEN_OVER("init_module", SYS_init_module, 0, 0, (long)"");
  TAKEN_OVER("finit_module", SYS_finit_module, -1, (long)"");
  TAKEN_OVER("delete_module", SYS_delete_module, (long)"no-such-module");
  TAKEN_OVER("kexec_load", SYS_kexec_load, 0, 1, 0, 0xff);
  TAKEN_OVER("kexec_file_load", SYS_kexec_file_load, -1, -1, 0, 0, 0xff);
  return 0;
}
