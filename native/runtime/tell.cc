// Commands that tell: state with the bundle's true folder, features, the version.
#include <linux/fcntl.h>

#include "host/syscall.h"
#include "runtime/bundles.h"
#include "runtime/child.h"
#include "runtime/commands.h"
#include "runtime/fail.h"
#include "runtime/record.h"
#include "runtime/version.h"

namespace barchan::runtime {
namespace {

[[noreturn]] void print_and_exit(Slice text) {
  while (text.size != 0) {
    const i64 n = host::call(__NR_write, 1, text.data, text.size);
    if (n == -EINTR) continue;
    if (n <= 0) break;
    text = text.from(static_cast<size_t>(n));
  }
  for (;;) host::call(__NR_exit_group, text.size == 0 ? 0 : 1);
}

Slice read_all(i64 fd) {
  Output all(memory());
  char buffer[4096];
  for (;;) {
    const i64 n = host::call(__NR_read, fd, buffer, sizeof buffer);
    if (n == -EINTR) continue;
    if (n <= 0) return all.text();
    all.add({buffer, static_cast<size_t>(n)});
  }
}

Slice replaced(Slice text, Slice from, Slice to) {
  Output out(memory());
  for (size_t i = 0; i < text.size;) {
    if (begins_with(text.from(i), from)) {
      out.add(to);
      i += from.size;
    } else {
      out.put(text.data[i++]);
    }
  }
  return out.text();
}

Slice quoted(const char* text) {
  Output out(memory());
  json::write_string(text, out);
  return out.text();
}

}  // namespace

void state(const Invocation& invocation) {
  u32 count = 0;
  while (invocation.line.rest[count] != nullptr) count++;
  auto** words = static_cast<const char**>(memory().get((count + 2) * sizeof(char*)));
  words[0] = "state";
  for (u32 i = 0; i < count; i++) words[i + 1] = invocation.line.rest[i];
  const char* const* all = underlying_words(invocation, words, count + 1);
  const char* id = count == 0 ? nullptr : invocation.line.rest[count - 1];
  Record record;
  if (invocation.underlying.flavor == Flavor::kCrun || id == nullptr || !is_container_id(id) ||
      !read_record(invocation.root, id, record))
    become(invocation.underlying.path, all, invocation.environment);
  int ends[2];
  if (const i64 r = host::call(__NR_pipe2, ends, O_CLOEXEC); r < 0) fail_errno(r, "cannot make a pipe");
  // One answer is a few hundred bytes: it fits the pipe, so that it can be read after the end.
  const i32 status = run_child(
      invocation.underlying.path, all, invocation.environment,
      [](void* pipe) { host::call(__NR_dup3, static_cast<int*>(pipe)[1], 1, 0); }, ends);
  host::call(__NR_close, ends[1]);
  const Slice answer = read_all(ends[0]);
  if (status != 0) end_like(status);
  print_and_exit(replaced(answer, quoted(bundle_path(invocation.root, id)), quoted(record.bundle)));
}

void version(const Invocation&) {
  print_and_exit(memory().join("barchan-runtime version ", kVersion, "\nspec: 1.0.2\n"));
}

void features(const Invocation&) {
  constexpr char kText[] =
      "{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.0.2\","
      "\"hooks\":[\"prestart\",\"createRuntime\",\"createContainer\",\"startContainer\",\"poststart\","
      "\"poststop\"],"
      "\"linux\":{\"namespaces\":[\"cgroup\",\"ipc\",\"mount\",\"network\",\"pid\",\"user\",\"uts\"],"
      "\"seccomp\":{\"enabled\":true,"
      "\"actions\":[\"SCMP_ACT_ALLOW\",\"SCMP_ACT_ERRNO\",\"SCMP_ACT_KILL\",\"SCMP_ACT_KILL_PROCESS\","
      "\"SCMP_ACT_KILL_THREAD\",\"SCMP_ACT_LOG\",\"SCMP_ACT_TRACE\",\"SCMP_ACT_TRAP\"],"
      "\"operators\":[\"SCMP_CMP_NE\",\"SCMP_CMP_LT\",\"SCMP_CMP_LE\",\"SCMP_CMP_EQ\",\"SCMP_CMP_GE\","
      "\"SCMP_CMP_GT\",\"SCMP_CMP_MASKED_EQ\"],"
      "\"archs\":[\"SCMP_ARCH_X86_64\"]}},"
      "\"annotations\":{\"dev.barchan.version\":\"";
  print_and_exit(memory().join(kText, kVersion, "\",\"run.oci.crun.checkpoint.enabled\":\"false\"}}\n"));
}

}  // namespace barchan::runtime
