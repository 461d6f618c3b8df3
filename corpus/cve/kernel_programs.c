// Loads programs into the kernel: extended filters on sockets, trace points, and the verifier's input.
// @technique T1068
// @weakness CWE-125
// @cve CVE-2021-3490
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done make a map
// @attempts 2
#include <linux/bpf.h>

#include "../attack.h"

int main(void) {
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
  ATTEMPT("make a map", syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
  ATTEMPT("attach one to a socket", setsockopt(socket(AF_UNIX, SOCK_DGRAM, 0), SOL_SOCKET, 50, &(int){-1}, 4));
  return 0;
}
