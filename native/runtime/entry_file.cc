#include "runtime/entry_file.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/syscall.h"
#include "runtime/config.h"

namespace barchan::runtime {

void remove_entry_file(const char* root, const char* entry) {
  if (strcmp(entry, kEntryInRoot) != 0) return;
  const i64 folder = host::call(__NR_openat, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder < 0) return;
  const char* name = kEntryInRoot + 1;
  struct statx s;
  const i64 r = host::call(__NR_statx, folder, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_SIZE, &s);
  if (r == 0 && (s.stx_mode & S_IFMT) == S_IFREG && s.stx_size == 0)
    host::call(__NR_unlinkat, folder, name, 0);
  host::call(__NR_close, folder);
}

}  // namespace barchan::runtime
