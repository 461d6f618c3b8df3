// connect(2), sendto(2): as the host does them; where the policy lists networks, with a private copy of the address,
// which another thread of the guest cannot change between the look and the use.
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/policy.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/message.h"

namespace barchan {
namespace {

// GUEST: an address of `length` bytes. To a pointer for the host: to the copy in `copy`, or one that the host refuses as it
// would the original. -EACCES when the policy does not reach there.
i64 judged(policy::Use use, u64 address, i32 length, u8 (&copy)[kAddressCapacity], u64& pointer) {
  pointer = address;
  // Lengths that every family refuses without a look at the address (net/socket.c, move_addr_to_kernel).
  if (length <= 0 || static_cast<u64>(length) > sizeof copy) return 0;
  pointer = check::kHole;
  if (copy_from_guest(copy, address, static_cast<u64>(length)) != 0) return 0;
  pointer = host::word(copy);
  return policy::reachable(policy::active, use, copy, static_cast<u64>(length)) ? 0
                                                                                : policy::refused(-EACCES);
}

}  // namespace

i64 sys_connect(Thread& t, const Call& c) {
  if (!policy::lists_networks()) return t.host(__NR_connect, c.arg[0], c.arg[1], c.arg[2]);
  u8 copy[kAddressCapacity];
  u64 address;
  const i64 error = judged(policy::Use::kConnect, c.arg[1], static_cast<i32>(c.arg[2]), copy, address);
  return error != 0 ? error : t.host(__NR_connect, c.arg[0], address, c.arg[2]);
}

i64 sys_sendto(Thread& t, const Call& c) {
  u64 address = c.arg[4];
  u8 copy[kAddressCapacity];
  if (policy::lists_networks() && address != 0) {
    const i64 error = judged(policy::Use::kSend, c.arg[4], static_cast<i32>(c.arg[5]), copy, address);
    if (error != 0) return error;
  }
  return t.host(__NR_sendto, c.arg[0], c.arg[1], c.arg[2], c.arg[3], address, c.arg[5]);
}

}  // namespace barchan
