// exec: another process of a container, a monitor too.
#include <linux/fcntl.h>
#include <linux/memfd.h>

#include "host/syscall.h"
#include "runtime/child.h"
#include "runtime/commands.h"
#include "runtime/fail.h"
#include "runtime/file.h"
#include "runtime/record.h"
#include "runtime/surroundings.h"

namespace barchan::runtime {
namespace {

// Where a rewritten process.json waits for the underlying runtime: above everything that is passed on.
constexpr i32 kProcessFd = 1000;

// As /proc/self/fd/N, so that nothing has to be removed afterwards.
const char* process_file(json::Value* process) {
  Output text(memory());
  json::write(process, text);
  const i64 fd = host::call(__NR_memfd_create, "barchan-process", 0u);
  if (fd < 0) fail_errno(fd, "cannot make a memory file");
  for (Slice rest = text.text(); rest.size != 0;) {
    const i64 n = host::call(__NR_pwrite64, fd, rest.data, rest.size, rest.data - text.text().data);
    if (n <= 0) fail_errno(n, "cannot write a memory file");
    rest = rest.from(static_cast<size_t>(n));
  }
  const i64 high = host::call(__NR_fcntl, fd, F_DUPFD, kProcessFd);
  if (high < 0) fail_errno(high, "cannot place a descriptor");
  host::call(__NR_close, fd);
  Output path(memory());
  path.add("/proc/self/fd/").dec(high);
  return path.string();
}

const char* rewritten_process(const Invocation& invocation, const Record& record, Process& process) {
  const char* file = invocation.line.process;
  Slice content;
  if (const i64 r = read_file(memory(), AT_FDCWD, file, content); r < 0) fail_errno(r, "cannot read ", file);
  const json::Parsed parsed = json::parse(memory(), content);
  if (parsed.root == nullptr) {
    Output where(memory());
    where.add(file).put(':').dec(parsed.line).put(':').dec(parsed.column);
    fail(where.string(), ": ", parsed.wrong);
  }
  if (const char* wrong = read_process(memory(), parsed.root, "process", process)) fail(file, ": ", wrong);
  rewrite_process(memory(), parsed.root, surroundings(record.bundle, monitor_path(invocation)), process,
                  record.entry);
  return process_file(parsed.root);
}

}  // namespace

void execute(const Invocation& invocation) {
  const CommandLine& line = invocation.line;
  if (line.id == nullptr) fail("exec: a container ID is needed");
  Record record;
  if (!read_record(invocation.root, line.id, record)) fail("container does not exist: ", line.id);
  read_material(invocation.root, line.id, record);
  Process process = {};
  const char* file = nullptr;
  u32 rest = 0;
  while (line.rest[rest] != nullptr) rest++;
  if (line.process != nullptr) {
    file = rewritten_process(invocation, record, process);
  } else {
    if (rest == 0) fail("exec: a program or --process is needed");
    process = {line.rest[0], record.open_files};
    if (process.program.is_empty() || process.program.size >= 4096)
      fail("exec: the program's name is empty or too long");
  }
  const u32 inherited = inherited_descriptors(invocation);
  const Descriptors descriptors =
      open_descriptors(process, record.material, monitor_path(invocation), inherited);

  auto** words = static_cast<const char**>(memory().get((line.option_count + rest + 10) * sizeof(char*)));
  u32 n = 0;
  words[n++] = "exec";
  for (u32 i = 0; i < line.option_count; i++) words[n++] = line.options[i];
  if (file != nullptr) {
    words[n++] = "--process";
    words[n++] = file;
  }
  Output number(memory());
  number.dec(static_cast<i64>(descriptor_count(descriptors, inherited)) - (inherited - line.preserve_fds));
  words[n++] = "--preserve-fds";
  words[n++] = number.string();
  words[n++] = line.id;
  if (file == nullptr) words[n++] = record.entry;
  for (u32 i = 0; i < rest; i++) words[n++] = line.rest[i];
  const char* const* all = underlying_words(invocation, words, n);
  place_descriptors(descriptors, inherited);
  become(invocation.underlying.path, all, invocation.environment);
}

}  // namespace barchan::runtime
