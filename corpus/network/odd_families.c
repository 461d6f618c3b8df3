// Makes sockets of families that only kernels' attackers use: packet, key, netlink of firewalls, vsock, AF_ALG, Bluetooth ...
// @technique T1068
// @weakness CWE-1188
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done any
// @attempts 12
#include <linux/netlink.h>

#include "../attack.h"

int main(void) {
  ATTEMPT("AF_ALG", socket(AF_ALG, SOCK_SEQPACKET, 0));
  ATTEMPT("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
  ATTEMPT("key", socket(AF_KEY, SOCK_RAW, 2));
  ATTEMPT("bluetooth", socket(AF_BLUETOOTH, SOCK_RAW, 1));
  ATTEMPT("can", socket(AF_CAN, SOCK_RAW, 1));
  ATTEMPT("tipc", socket(AF_TIPC, SOCK_RDM, 0));
  ATTEMPT("xdp", socket(AF_XDP, SOCK_RAW, 0));
  ATTEMPT("rds", socket(AF_RDS, SOCK_SEQPACKET, 0));
  ATTEMPT("ax25", socket(AF_AX25, SOCK_SEQPACKET, 0));
  ATTEMPT("netrom", socket(AF_NETROM, SOCK_SEQPACKET, 0));
  ATTEMPT("kcm", socket(AF_KCM, SOCK_DGRAM, 0));
  ATTEMPT("smc", socket(AF_SMC, SOCK_STREAM, 0));
  ATTEMPT("nfc", socket(AF_NFC, SOCK_RAW, 0));
  return 0;
}
