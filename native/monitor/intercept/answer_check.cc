// What Node may answer. Pure: also built hosted for tests.
#include "host/string.h"
#include "monitor/intercept/intercept.h"

namespace barchan::intercept {

using table::Arg;
using table::Kind;
using table::Row;

namespace {

constexpr i32 kErrnoMost = 4095;

bool gives_descriptor(u32 nr, const Row& row) { return nr == __NR_connect || (row.flags & table::kNewFd); }

const char* wrong_strings(const abi::InterceptRequest& request, const abi::InterceptAnswer& answer,
                          const u8* data) {
  u32 at = 0;
  for (u32 left = answer.strings; left != 0; left &= left - 1) {
    const u32 argument = static_cast<u32>(__builtin_ctz(left));
    bool known = false;
    for (u32 i = 0; i < request.parts; i++)
      known |= request.part[i].argument == argument && request.part[i].kind == abi::kInterceptString;
    if (!known) return "a string for an argument that has none";
    u32 end = at;
    while (end < answer.data && data[end] != 0) end++;
    if (end == answer.data) return "a string without its end";
    if (end - at >= abi::kInterceptStringMost) return "a string is too long";
    at = end + 1;
  }
  return at == answer.data ? nullptr : "bytes after the strings";
}

}  // namespace

bool can_change(const Row& row, unsigned index) {
  if (index >= row.count) return false;
  const Kind kind = row.args[index].kind;
  if (kind == Kind::kAddr || table::is_pointer(kind)) return false;
  for (unsigned i = 0; i < row.count; i++) {
    const Arg& other = row.args[i];
    if ((table::has_length(other.kind) || other.kind == Kind::kOutVlen) && other.link == index) return false;
  }
  return true;
}

const char* wrong_answer(const abi::InterceptRequest& request, const Row& row, const u8* message, u64 size,
                         bool has_fd) {
  abi::InterceptAnswer answer;
  if (size < sizeof answer) return "it is too short";
  memcpy(&answer, message, sizeof answer);
  const u8* data = message + sizeof answer;
  if (answer.magic != abi::kInterceptMagic || answer.version != abi::kInterceptVersion)
    return "it is no answer";
  if (answer.size != size || answer.data != size - sizeof answer) return "its size is wrong";
  if (answer.nonce[0] != request.nonce[0] || answer.nonce[1] != request.nonce[1])
    return "it is not for this call";
  if (answer.flags & ~abi::kInterceptCloexec) return "it has unknown flags";
  if (answer.action > abi::kInterceptKill) return "it has an unknown action";
  if (has_fd != (answer.action == abi::kInterceptFd)) return "a descriptor is missing or not wanted";
  if (answer.action != abi::kInterceptAllow && (answer.changed | answer.strings) != 0)
    return "it changes a call that is not made";
  if (answer.action != abi::kInterceptGive && answer.action != abi::kInterceptAllow && answer.data != 0)
    return "it has bytes for nothing";
  if (static_cast<i64>(answer.value) < 0) return "its value is an error";
  switch (answer.action) {
    case abi::kInterceptAllow:
      for (unsigned i = 0; i < 32; i++) {
        if ((answer.changed >> i & 1) && !can_change(row, i)) return "it changes what cannot be changed";
      }
      return wrong_strings(request, answer, data);
    case abi::kInterceptDeny:
      return answer.error >= 1 && answer.error <= kErrnoMost ? nullptr : "its errno is wrong";
    case abi::kInterceptGive:
      return request.output < row.count && answer.data <= request.room ? nullptr
                                                                       : "it has more bytes than fit";
    case abi::kInterceptFd:
      return gives_descriptor(request.number, row) ? nullptr : "the call gives no descriptor";
    default: return nullptr;
  }
}

}  // namespace barchan::intercept
