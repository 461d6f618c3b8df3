// Purpose: makes a sandbox's namespaces and mounts and holds them until Node is gone or closes the socket.
// Owner:   keeper: one small freestanding process for each sandbox. Programs join it (supervisor/join.h).
// Threads: one. Trust: SandboxBlob comes from Node; no guest can see this process, whose PID namespace is
//          Node's, nor send it anything.
#include "abi/sandbox.h"
#include "host/string.h"
#include "host/syscall.h"
#include "sandbox/config.h"
#include "sandbox/failure.h"
#include "sandbox/namespaces.h"
#include "sandbox/network.h"
#include "sandbox/privileges.h"
#include "sandbox/proc.h"
#include "sandbox/read_config.h"
#include "sandbox/rootfs.h"
#include "sandbox/tree.h"
#include "sandbox/warden.h"

#include <linux/close_range.h>
#include <linux/prctl.h>

namespace barchan::sandbox {
namespace {

constexpr int kControl = 3, kBlob = 4;

Config config;
i32 warden = 0;

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

void send(const Text& line) {
  size_t done = 0;
  while (done < line.size()) {
    const i64 n = host::call(__NR_sendto, kControl, line.data() + done, line.size() - done,
                             0x4000 /* MSG_NOSIGNAL */, nullptr, 0);
    if (n == -EINTR) continue;
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

Failure forbid_namespaces() {
  return check(write_file("/proc/sys/user/max_user_namespaces", "0"), "user-namespace-limit");
}

Failure build() {
  Sources sources;
  if (Failure f = read_config(kBlob, config)) return f;
  host::call(__NR_close, kBlob);
  if (Failure f = start_warden(config, kControl, warden)) return f;
  if (Failure f = enter_namespaces(config)) return f;
  if (Failure f = forbid_namespaces()) return f;
  if (Failure f = open_sources(config, sources)) return f;
  if (Failure f = become_user(config)) return f;
  if (Failure f = build_root(config, sources)) return f;
  if (Failure f = probe_proc()) return f;
  const i64 named = host::call(__NR_sethostname, config.hostname, strlen(config.hostname));
  if (Failure f = check(named, "hostname", config.hostname)) return f;
  if (config.blob.network == abi::kNetworkLoopback)
    if (Failure f = start_loopback()) return f;
  host::call(__NR_close_range, kControl + 1, ~0u, 0);
  return drop_privileges();
}

// Nothing is ever sent here: bytes or an end, it is over.
void wait_for_end() {
  char byte;
  while (host::call(__NR_recvfrom, kControl, &byte, 1, 0, nullptr, nullptr) == -EINTR) {}
}

// What the warden would have done (lib/keeper.ts starts it with "sweep" where that one was ended from outside).
[[noreturn]] void sweep() {
  if (read_config(kBlob, config)) leave(1);
  run_sweeper(config);
}

// A process that does nothing until its standard input ends, with signals as any has them: what lib/harness/canaries.ts shows
// to attacks as their victim.
[[noreturn]] void stay() {
  char byte;
  i64 count;
  do count = host::call(__NR_read, 0, &byte, 1);
  while (count == 1 || count == -EINTR);
  leave(0);
}

[[noreturn]] void main(const u64* stack) {
  const char* verb = stack[0] > 1 ? reinterpret_cast<const char*>(stack[2]) : nullptr;
  if (verb && strcmp(verb, "stay") == 0) stay();
  u64 all = ~0ull;
  host::call(__NR_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, nullptr, sizeof all);
  host::call(__NR_prctl, PR_SET_NAME, "barchan-keeper", 0, 0, 0);
  // Node passes nothing else, and argv[0] is always there.
  if (verb) sweep();
  static char buffer[2 * kPathMax];
  Text line(buffer, sizeof buffer);
  if (Failure f = build()) {
    put_failure(line, f);
    send(line);
    leave(1);
  }
  send(line.str("{\"event\":\"ready\",\"warden\":").dec(warden).str("}\n"));
  wait_for_end();
  leave(0);
}

}  // namespace
}  // namespace barchan::sandbox

// Called by host/start_x86_64.S, after relocation.
extern "C" [[noreturn]] void barchan_main(barchan::u64* stack) { barchan::sandbox::main(stack); }
