// Makes a packet socket with a ring of its own, as the overflow in tpacket_rcv needs.
// @technique T1068
// @weakness CWE-787
// @cve CVE-2020-14386
// @stopped-by namespace
// @options {"policy":"compat"}
// @control native
// @control-done packet socket
// @attempts 2
#include <linux/if_packet.h>

#include "../attack.h"

int main(void) {
  int s = socket(AF_PACKET, SOCK_RAW, 0);
  ATTEMPT("packet socket", s);
  struct tpacket_req request = {4096, 1, 4096, 1};
  ATTEMPT("ring", getenv("ATTACK_NATIVE") ? -1 : setsockopt(s, 263, PACKET_RX_RING, &request, sizeof request));
  return 0;
}
