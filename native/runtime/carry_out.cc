// Which command it is, where the state lies, which runtime is below.
#include <linux/fcntl.h>

#include "host/syscall.h"
#include "runtime/bundles.h"
#include "runtime/commands.h"
#include "runtime/child.h"
#include "runtime/fail.h"
#include "runtime/file.h"
#include "runtime/record.h"

namespace barchan::runtime {
namespace {

bool is(const char* a, const char* b) { return strcmp(a, b) == 0; }

// Root of the initial user namespace, whose map is the identity.
bool is_real_root() {
  if (host::call(__NR_geteuid) != 0) return false;
  Slice map;
  if (read_file(memory(), AT_FDCWD, "/proc/self/uid_map", map) != 0) return true;
  u64 numbers[3] = {};
  u32 n = 0;
  for (size_t i = 0; i < map.size && n < 3;) {
    const auto digit = [&] { return i < map.size && map.data[i] >= '0' && map.data[i] <= '9'; };
    if (!digit()) {
      i++;
      continue;
    }
    for (; digit(); i++) numbers[n] = numbers[n] * 10 + static_cast<u64>(map.data[i] - '0');
    n++;
  }
  return numbers[0] == 0 && numbers[1] == 0 && numbers[2] == 0xffffffff;
}

const char* default_root(const char* const* environment) {
  const char* runtime = variable(environment, "XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/' && !is_real_root()) return memory().join(runtime, "/barchan");
  return "/run/barchan";
}

const char* absolute(const char* path) {
  if (path[0] == '/') return path;
  char* here = static_cast<char*>(memory().get(4096));
  const i64 n = host::call(__NR_getcwd, here, 4096);
  if (n < 0) fail_errno(n, "cannot find the working directory");
  return memory().join(here, "/", path);
}

const char* own_folder() {
  char* self = read_link(memory(), "/proc/self/exe");
  if (self == nullptr) fail("cannot find out where barchan-runtime lies: /proc is not mounted");
  const Slice name = base_name(self);
  return memory().copy({self, static_cast<size_t>(name.data - self)});
}

// The container that a command without rewriting is about: the first word that names one of ours.
const char* container_in(const char* root, const char* const* words) {
  for (; words != nullptr && *words != nullptr; words++) {
    if (is_container_id(*words) && exists(bundle_path(root, *words))) return *words;
  }
  return nullptr;
}

}  // namespace

const char* const* underlying_words(const Invocation& invocation, const char* const* words, u32 count) {
  const CommandLine& line = invocation.line;
  auto** all = static_cast<const char**>(memory().get((line.global_count + count + 4) * sizeof(char*)));
  u32 n = 0;
  all[n++] = invocation.underlying.path;
  for (u32 i = 0; i < line.global_count; i++) all[n++] = line.globals[i];
  all[n++] = "--root";
  all[n++] = memory().join(invocation.root, "/", flavor_name(invocation.underlying.flavor));
  for (u32 i = 0; i < count; i++) all[n++] = words[i];
  return all;
}

const char* monitor_path(const Invocation& invocation) {
  return memory().join(invocation.folder, "barchan-monitor");
}

u32 inherited_descriptors(const Invocation& invocation) {
  const char* listen = variable(invocation.environment, "LISTEN_FDS");
  const char* pid = variable(invocation.environment, "LISTEN_PID");
  const i64 number = listen == nullptr ? 0 : parse_decimal(listen);
  const bool ours = pid != nullptr && parse_decimal(pid) == host::call(__NR_getpid);
  if (number <= 0 || (!ours && invocation.underlying.flavor == Flavor::kRunc))
    return invocation.line.preserve_fds;
  if (number > 90) fail("LISTEN_FDS is higher than 90");
  return invocation.line.preserve_fds + static_cast<u32>(number);
}

void carry_out(Invocation& invocation) {
  CommandLine& line = invocation.line;
  if (line.version) version(invocation);
  invocation.root = absolute(line.root != nullptr ? line.root : default_root(invocation.environment));
  const char* command = line.command;
  if (command == nullptr || line.help || is(command, "help") || is(command, "spec")) {
    invocation.underlying = find_underlying(invocation.environment);
    auto** words = const_cast<const char**>(invocation.words);
    words[0] = invocation.underlying.path;
    become(words[0], words, invocation.environment);
  }
  if (is(command, "features")) features(invocation);
  if (is(command, "checkpoint") || is(command, "restore"))
    fail(command,
         ": a container under Barchan cannot be saved: its virtual machines are not part of a checkpoint");
  const char* id = line.id != nullptr ? line.id : container_in(invocation.root, line.rest);
  if (line.id != nullptr && !is_container_id(line.id)) fail("invalid container ID: ", line.id);
  Record record;
  const bool known = id != nullptr && read_record(invocation.root, id, record);
  invocation.underlying = known ? underlying_at(record.runtime) : find_underlying(invocation.environment);
  invocation.folder = own_folder();
  if (is(command, "create") || is(command, "run")) create(invocation);
  if (is(command, "exec")) execute(invocation);
  if (is(command, "delete")) remove(invocation);
  if (is(command, "state")) state(invocation);

  u32 count = 0;
  while (line.rest[count] != nullptr) count++;
  auto** words = static_cast<const char**>(memory().get((count + 2) * sizeof(char*)));
  words[0] = command;
  for (u32 i = 0; i < count; i++) words[i + 1] = line.rest[i];
  become(invocation.underlying.path, underlying_words(invocation, words, count + 1), invocation.environment);
}

}  // namespace barchan::runtime
