// Single ids, from the calls that give all three.
#include "monitor/syscalls/handlers.h"

namespace barchan {
namespace {

struct Ids {
  u32 real, effective, saved;
};

Ids ids(i64 nr) {
  Ids found = {};
  host::call(nr, &found.real, &found.effective, &found.saved);
  return found;
}

}  // namespace

i64 sys_getuid(Thread&, const Call&) { return ids(__NR_getresuid).real; }
i64 sys_geteuid(Thread&, const Call&) { return ids(__NR_getresuid).effective; }
i64 sys_getgid(Thread&, const Call&) { return ids(__NR_getresgid).real; }
i64 sys_getegid(Thread&, const Call&) { return ids(__NR_getresgid).effective; }

}  // namespace barchan
