// The policy in force: from its descriptor into private memory, and the gate's question to it.
#include <linux/mman.h>
#include <linux/signal.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/events/events.h"
#include "monitor/fds.h"
#include "monitor/policy.h"
#include "monitor/process.h"
#include "monitor/signal/signal.h"

namespace barchan::policy {

Policy active;

const char* load() {
  const int fd = private_fd(kFdPolicy);
  abi::PolicyHeader header;
  const i64 n = host::call(__NR_pread64, fd, &header, sizeof header, 0);
  if (n == -EBADF) return nullptr;  // none was given
  if (n != sizeof header) return "the policy cannot be read";
  if (header.size < sizeof header || header.size > abi::kPolicyBytesMax) return "the policy has a wrong size";
  const u64 room = page_up(header.size + 1);
  const i64 memory =
      host::call(__NR_mmap, 0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (host::is_error(memory)) return "there is no memory for the policy";
  u8* bytes = reinterpret_cast<u8*>(memory);
  u64 size = 0;
  while (size < room) {
    const i64 done = host::call(__NR_pread64, fd, bytes + size, room - size, size);
    if (done == 0) break;
    if (done < 0) return "the policy cannot be read";
    size += static_cast<u64>(done);
  }
  if (const char* wrong = parse(bytes, size, active)) return wrong;
  host::call(__NR_mprotect, memory, room, PROT_READ);
  return nullptr;
}

namespace {

// openat2's flags, mode and resolve are in memory: with rules about them the handler asks, about its copy.
bool waits_for_copy(u32 nr) {
  return nr == __NR_openat2 && nr < active.header.calls && active.verdicts[nr].rules != 0;
}

i64 enforce(const Decision& decision) {
  switch (decision.action) {
    case abi::kPolicyAllow: return 0;
    case abi::kPolicyLog: events::judged(abi::kVerdictLogged); return 0;
    case abi::kPolicyErrno: return refused(-static_cast<i64>(decision.error));
    case abi::kPolicyKill: break;
  }
  events::judged(abi::kVerdictKilled);
  events::call_ends_process();
  die_by_signal(SIGSYS);
}

}  // namespace

i64 judge(u32 nr, const u64 argument[6]) {
  return waits_for_copy(nr) ? 0 : enforce(decide(active, nr, argument));
}

i64 judge_open(const u64 argument[6], u64 flags, u64 mode, u64 resolve) {
  if (!is_active() || !waits_for_copy(__NR_openat2)) return 0;
  const u64 seen[6] = {argument[0], argument[1], resolve, argument[3], flags, mode};
  return enforce(decide(active, __NR_openat2, seen));
}

i64 refused(i64 error) {
  events::judged(abi::kVerdictDenied);
  return error;
}

}  // namespace barchan::policy
