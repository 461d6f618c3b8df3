#include "monitor/image/search.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/process.h"

namespace barchan {
namespace {

constexpr char kDefaultPath[] = "/bin:/usr/bin";  // confstr(_CS_PATH)
constexpr u32 kExecuteOk = 1;                     // X_OK

const char* path_variable(const char* const* environment) {
  for (; *environment != nullptr; environment++)
    if (starts_with(*environment, "PATH=")) return *environment + 5;
  return kDefaultPath;
}

// 0, or why this is not the program.
i64 judge(const char* path) {
  struct statx s;
  if (i64 r = host::call(__NR_statx, AT_FDCWD, path, 0, STATX_TYPE, &s); r < 0) return r;
  if ((s.stx_mode & S_IFMT) == S_IFDIR) return -EACCES;
  return host::call(__NR_faccessat2, AT_FDCWD, path, kExecuteOk, AT_EACCESS);
}

}  // namespace

i64 search_path(const char* name, const char* const* environment, char* path) {
  char candidate[kPathMax];
  bool refused = false;
  path[0] = 0;
  if (name[0] == 0) return -ENOENT;
  for (const char* at = path_variable(environment);; at++) {
    Text text(candidate, sizeof candidate);
    for (; *at != 0 && *at != ':'; at++) text.put(*at);
    if (text.size() > 0 && candidate[text.size() - 1] != '/') text.put('/');
    text.str(name);
    const i64 verdict = text.full() ? -ENOENT : judge(candidate);
    if (verdict == 0 || (verdict != -ENOENT && verdict != -ENOTDIR && !refused)) {
      memcpy(path, candidate, text.size() + 1);
      if (verdict == 0) return 0;
      refused = true;
    }
    if (*at == 0) return refused ? -EACCES : -ENOENT;
  }
}

}  // namespace barchan
