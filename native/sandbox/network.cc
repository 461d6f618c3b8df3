#include "sandbox/network.h"

#include "host/syscall.h"
#include "sandbox/tree.h"

namespace barchan::sandbox {
namespace {

constexpr int kInet = 2, kDatagram = 2, kCloseOnExec = 02000000;
constexpr u64 kSetFlags = 0x8914;  // SIOCSIFFLAGS
constexpr short kUp = 1, kRunning = 0x40;

struct InterfaceRequest {  // struct ifreq
  char name[16];
  short flags;
  char rest[22];
};
static_assert(sizeof(InterfaceRequest) == 40);

}  // namespace

Failure start_loopback() {
  Fd socket(host::call(__NR_socket, kInet, kDatagram | kCloseOnExec, 0));
  if (!socket.ok()) return check(socket.error(), "loopback");
  const InterfaceRequest request = {"lo", kUp | kRunning, {}};
  return check(host::call(__NR_ioctl, socket.get(), kSetFlags, &request), "loopback");
}

}  // namespace barchan::sandbox
