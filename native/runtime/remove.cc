// delete: the underlying runtime's, then what was derived for the container.
#include "host/syscall.h"
#include "runtime/bundles.h"
#include "runtime/cgroup_folders.h"
#include "runtime/child.h"
#include "runtime/commands.h"
#include "runtime/fail.h"
#include "runtime/entry_file.h"
#include "runtime/record.h"

namespace barchan::runtime {

void remove(const Invocation& invocation) {
  const CommandLine& line = invocation.line;
  auto** words = static_cast<const char**>(memory().get((line.option_count + 3) * sizeof(char*)));
  u32 n = 0;
  words[n++] = "delete";
  for (u32 i = 0; i < line.option_count; i++) words[n++] = line.options[i];
  if (line.id != nullptr) words[n++] = line.id;
  const char* const* all = underlying_words(invocation, words, n);
  if (line.id == nullptr) become(invocation.underlying.path, all, invocation.environment);
  Record record;
  const bool known = read_record(invocation.root, line.id, record);
  const i64 folder = open_bundle(invocation.root, line.id);
  const i32 status = run_child(
      invocation.underlying.path, all, invocation.environment, [](void*) {}, nullptr);
  if (!container_exists(invocation.root, line.id)) {
    if (known) remove_entry_file(record.root, record.entry);
    if (known && line.force) remove_cgroups(record.cgroup, line.id);
    remove_bundle(invocation.root, line.id, folder);
  }
  end_like(status);
}

}  // namespace barchan::runtime
