// barchan-runtime: takes runc's command line, has containers' processes start as monitors, and leaves everything else to the
// runtime below it.
#include "host/syscall.h"
#include "runtime/command_line.h"
#include "runtime/commands.h"
#include "runtime/fail.h"

namespace barchan::runtime {
namespace {

[[noreturn]] void start(u64* stack) {
  const u32 count = static_cast<u32>(stack[0]);
  const auto* words = reinterpret_cast<const char* const*>(stack + 1);
  Invocation invocation = {};
  invocation.words = words;
  invocation.environment = words + count + 1;
  if (count == 0) fail("there is no command line");
  if (const char* wrong = parse_command_line(memory(), words + 1, count - 1, invocation.line)) fail(wrong);
  if (invocation.line.log != nullptr) log_to(invocation.line.log, invocation.line.log_json);
  carry_out(invocation);
}

}  // namespace
}  // namespace barchan::runtime

extern "C" [[noreturn]] void barchan_main(barchan::u64* stack) { barchan::runtime::start(stack); }
