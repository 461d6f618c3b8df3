// A monitor that was taken over makes sockets of families that only attackers of kernels use.
// @technique T1095
// @weakness CWE-1188
// @stopped-by seccomp
// @injected gate
// @options {"policy":"default"}
// @control {"isolation":"none"}
// @attempts 5
#include <sys/socket.h>

#include "../attack.h"

int main(void) {
  TAKEN_OVER("XDP", SYS_socket, AF_XDP, SOCK_RAW);
  TAKEN_OVER("AF_ALG", SYS_socket, AF_ALG, SOCK_SEQPACKET);
  TAKEN_OVER("vsock", SYS_socket, AF_VSOCK, SOCK_STREAM);
  TAKEN_OVER("key", SYS_socket, AF_KEY, SOCK_RAW, 2);
  TAKEN_OVER("Bluetooth", SYS_socket, AF_BLUETOOTH, SOCK_RAW);
  return 0;
}
