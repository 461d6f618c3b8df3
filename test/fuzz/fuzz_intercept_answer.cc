// Any bytes as Node's answer to a call: what is accepted has what the monitor then reads, and nothing that it must not do.
// The first byte chooses the call, the second whether a descriptor came along.
#include <asm/unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "monitor/intercept/intercept.h"

using namespace barchan;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr u32 kCalls[] = {__NR_openat, __NR_renameat2, __NR_read, __NR_connect, __NR_getpid, __NR_execve};
  if (size < 2) return 0;
  const u32 nr = kCalls[data[0] % 6];
  const bool has_fd = data[1] & 1;
  const table::Row* row = table::row(nr);
  abi::InterceptRequest request = {};
  request.number = nr;
  request.output = nr == __NR_read ? 1 : 0xff;
  request.room = 16;
  for (unsigned i = 0; i < row->count; i++) {
    if (row->args[i].kind == table::Kind::kPath)
      request.part[request.parts++] = {static_cast<u16>(i), abi::kInterceptString, 0, 0, 0};
  }
  // Of exactly this size.
  const std::vector<u8> message(data + 2, data + size);
  if (intercept::wrong_answer(request, *row, message.data(), message.size(), has_fd)) return 0;

  abi::InterceptAnswer answer;
  memcpy(&answer, message.data(), sizeof answer);
  if (static_cast<i64>(answer.value) < 0) abort();
  if ((answer.action == abi::kInterceptFd) != has_fd) abort();
  if (answer.action == abi::kInterceptDeny && (answer.error < 1 || answer.error > 4095)) abort();
  if (answer.action == abi::kInterceptGive && (nr != __NR_read || answer.data > request.room)) abort();
  for (unsigned i = 0; i < 32; i++) {
    if ((answer.changed >> i & 1) && (i >= row->count || table::is_pointer(row->args[i].kind))) abort();
  }
  // As Stopped::change() takes them.
  const char* text = reinterpret_cast<const char*>(message.data() + sizeof answer);
  for (u32 left = answer.strings; left != 0; left &= left - 1) {
    if (row->args[__builtin_ctz(left)].kind != table::Kind::kPath) abort();
    text += strlen(text) + 1;
  }
  return 0;
}
