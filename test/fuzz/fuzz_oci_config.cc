// Any bytes as a bundle's config.json: what is accepted is rewritten to JSON that reads again, with the monitor before the
// container's own arguments, and its seccomp profile becomes a program that the gate takes.
#include <cstdint>
#include <cstdlib>

#include "monitor/seccomp_filter.h"
#include "runtime/config.h"
#include "runtime/host_profile.h"

using namespace barchan;
using namespace barchan::runtime;

namespace {

void require(bool holds) {
  if (!holds) abort();
}

void check_filter(Arena& arena, const SeccompProfile& profile) {
  static sock_filter code[kFilterLengthMaximum];
  const u32 length = compile_seccomp(arena, profile, code, kFilterLengthMaximum);
  if (length == 0) return;
  require(seccomp_filter_valid(code, length));
  for (u32 nr = 0; nr < 600; nr++) {
    const seccomp_data data = {static_cast<int>(nr), 0xc000003e, 0, {nr, 1, ~u64{0}, 3, 4, 5}};
    const u32 action = seccomp_filter_run(code, length, data) & SECCOMP_RET_ACTION_FULL;
    if (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG) require(may_pass(profile, nr));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Arena arena;
  const json::Parsed parsed = json::parse(arena, {reinterpret_cast<const char*>(data), size});
  require((parsed.root == nullptr) == (parsed.wrong != nullptr));
  if (parsed.root == nullptr) return 0;
  Output same(arena);
  json::write(parsed.root, same);
  require(json::parse(arena, same.text()).root != nullptr);

  const Surroundings host = {"/bundle", "/opt/barchan/barchan-monitor", 1 << 20};
  Container container;
  if (read_config(arena, parsed.root, host, container) != nullptr) return 0;
  if (container.has_seccomp) check_filter(arena, *container.seccomp);
  rewrite_config(arena, parsed.root, host, container, host_profile(arena, container.seccomp, nullptr));
  Output text(arena);
  json::write(parsed.root, text);
  const json::Parsed again = json::parse(arena, text.text());
  require(again.root != nullptr);
  const json::Value* args = json::find(json::find(again.root, "process"), "args");
  require(args->first->text == Slice(container.entry) &&
          args->first->next->text == container.process.program);
  return 0;
}
