// A monitor that was taken over reaches keys, which no namespace of mounts or processes holds back.
// @technique T1555
// @weakness CWE-911
// @cve CVE-2016-0728
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 3
#include "../attack.h"

int main(void) {
  TAKEN_OVER("add_key", SYS_add_key, 0);
  TAKEN_OVER("request_key", SYS_request_key, 0);
  TAKEN_OVER("keyctl", SYS_keyctl, 0, -3);
  return 0;
}
