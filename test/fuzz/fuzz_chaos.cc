// Any bytes as chaos rules: what is accepted decides about every call, and names none that it must not.
#include <asm/unistd.h>

#include <cstdint>
#include <cstdlib>

#include "monitor/chaos/rules.h"

using namespace barchan;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chaos::Rules rules;
  if (chaos::parse(data, size, rules)) return 0;
  constexpr u32 kNever[] = {__NR_exit, __NR_exit_group, __NR_rt_sigreturn, __NR_restart_syscall};
  for (u32 i = 0; i < rules.header.rules; i++) {
    for (u32 nr : kNever) {
      if (chaos::names(rules.rule[i], nr)) abort();
    }
    for (u32 nr = 0; nr < 600; nr++) {
      if (!chaos::names(rules.rule[i], nr)) continue;
      if (rules.rule[i].action == abi::kChaosShorten && chaos::shortens(nr).how == chaos::Shortening::kNone)
        abort();
    }
    for (u64 n = 1; n < 40; n++) {
      if (!chaos::hits(rules, i, chaos::first_task(), n)) continue;
      if (n < rules.rule[i].first || n > rules.rule[i].last) abort();
      const u64 made = chaos::shortened(n + 1, rules.rule[i].amount, n);
      if (made == 0 || made > n) abort();
    }
  }
  return 0;
}
