#include "monitor/confine.h"

#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "abi/start.h"
#include "host/string.h"
#include "host/syscall.h"
#include "monitor/host_filter.h"
#include "monitor/policy.h"
#include "monitor/report.h"
#include "monitor/table.h"

namespace barchan {
namespace {

[[noreturn]] void refuse(i64 error, const char* what) {
  fail_start("ERR_MONITOR_CONFINE", error, what, nullptr, abi::kExitStartFailed);
}

}  // namespace

void confine(bool traced, bool intercepted) {
  if (!(policy::active.header.flags & abi::kPolicyHostFilter)) return;
  static sock_filter code[kHostFilterMax];
  const u32 length =
      build_host_filter(code, host_calls::reachable(policy::active, traced, intercepted), policy::active);
  if (length == 0) refuse(E2BIG, "the host filter is too long");
  i64 r = host::call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (r < 0) refuse(-r, "PR_SET_NO_NEW_PRIVS");
  const sock_fprog program = {static_cast<unsigned short>(length), code};
  r = host::call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  if (r < 0) refuse(-r, "the host kernel takes no seccomp filter (CONFIG_SECCOMP_FILTER)");
}

void show_policy() {
  const host_calls::CallSet calls = host_calls::reachable(policy::active, false, false);
  static char buffer[16 << 10];
  Text line(buffer, sizeof buffer);
  line.str("{\"hostCalls\":[");
  bool first = true;
  for (u32 nr = 0; nr < host_calls::CallSet::kEnd; nr++) {
    if (!calls.has(nr)) continue;
    if (!first) line.str(",");
    first = false;
    line.str("\"").str(table::call_name(nr)).str("\"");
  }
  line.str("]}\n");
  host::call(__NR_write, 1, line.data(), line.size());
  for (;;) host::call(__NR_exit_group, 0);
}

}  // namespace barchan
