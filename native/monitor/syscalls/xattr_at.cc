// setxattrat(2), getxattrat(2): the value is described by a structure that is copied once and checked.
#include "host/call_numbers.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/path_calls.h"

namespace barchan {
namespace {

struct XattrArguments {  // struct xattr_args
  u64 value;             // GUEST
  u32 size;
  u32 flags;
};
static_assert(sizeof(XattrArguments) == 16);

// Like the kernel's copy_struct_from_user(): a larger structure is taken when the rest of it is zero. `copy` is what
// the host gets, so `given` is lowered to its size.
i64 load(XattrArguments& copy, u64 address, u64& given) {
  if (given < sizeof copy) return -EINVAL;
  if (given > kPageSize) return -E2BIG;
  if (read_guest(copy, address) != 0) return -EFAULT;
  for (u64 at = sizeof copy; at < given; at++) {
    u8 byte;
    if (read_guest(byte, address + at) != 0) return -EFAULT;
    if (byte != 0) return -E2BIG;
  }
  given = sizeof copy;
  u64 size = copy.size;
  copy.value = check::buffer(copy.value, 1, 0, true, size);
  copy.size = static_cast<u32>(size);
  return 0;
}

i64 with_value(Thread& t, const Call& c, i64 number) {
  XattrArguments copy;
  u64 size = c.arg[5];
  const i64 error = load(copy, c.arg[4], size);
  if (error < 0) return error;
  return files::by_flags(c.arg[0], c.arg[1], c.arg[2], [&](int directory, u64 path) {
    return t.host(number, directory, path, c.arg[2], c.arg[3], &copy, size);
  });
}

}  // namespace

i64 sys_setxattrat(Thread& t, const Call& c) { return with_value(t, c, __NR_setxattrat); }
i64 sys_getxattrat(Thread& t, const Call& c) { return with_value(t, c, __NR_getxattrat); }

}  // namespace barchan
