// create and run: from the bundle's config.json to the underlying runtime's end.
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "host/syscall.h"
#include "runtime/bundles.h"
#include "runtime/child.h"
#include "runtime/commands.h"
#include "runtime/entry_file.h"
#include "runtime/fail.h"
#include "runtime/file.h"
#include "runtime/host_profile.h"
#include "runtime/program_check.h"
#include "runtime/record.h"
#include "runtime/surroundings.h"

namespace barchan::runtime {
namespace {

constexpr u32 kFilterMax = 4096;  // BPF_MAXINSNS

struct Placing {
  const Invocation* invocation;
  const Descriptors* descriptors;
  u32 inherited;
};

// In the child. LISTEN_PID is to name whoever gets the descriptors (sd_listen_fds(3)); the variable is changed in place.
void prepare(void* context) {
  const Placing& placing = *static_cast<const Placing*>(context);
  place_descriptors(*placing.descriptors, placing.inherited);
  auto** environment = const_cast<const char**>(placing.invocation->environment);
  for (; *environment != nullptr; environment++) {
    if (!starts_with(*environment, "LISTEN_PID=")) continue;
    Output own(memory());
    own.add("LISTEN_PID=").dec(host::call(__NR_getpid));
    *environment = own.string();
  }
}

json::Value* read_bundle(const char* path) {
  Slice content;
  if (const i64 r = read_file(memory(), AT_FDCWD, path, content); r < 0) fail_errno(r, "cannot read ", path);
  const json::Parsed parsed = json::parse(memory(), content);
  if (parsed.root != nullptr) return parsed.root;
  Output where(memory());
  where.add(path).put(':').dec(parsed.line).put(':').dec(parsed.column);
  fail(where.string(), ": ", parsed.wrong);
}

// A system manager mounts, makes cgroups and namespaces: calls that no guest has.
void refuse_systemd(const char* root, Slice program) {
  const Slice name = base_name(program);
  bool systemd = name == Slice("systemd");
  if (name == Slice("init")) {
    const i64 folder = host::call(__NR_openat, AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    const bool path = name.size != program.size;
    open_how how = {};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    const char* place = path ? memory().copy(program) : "/sbin/init";
    const i64 fd = host::call(__NR_openat2, folder, place, &how, sizeof how);
    Output link(memory());
    link.add("/proc/self/fd/").dec(fd);
    const char* target = fd < 0 ? nullptr : read_link(memory(), link.string());
    systemd = target != nullptr && base_name(target) == Slice("systemd");
    if (fd >= 0) host::call(__NR_close, fd);
    if (folder >= 0) host::call(__NR_close, folder);
  }
  if (systemd)
    fail(
        "process.args[0] is systemd, which cannot run under Barchan: it mounts file systems and makes "
        "namespaces and "
        "cgroups, calls that no guest has; start the service itself, or use a small init such as tini or s6");
}

// The binary policy of this name: one of ours, or of the administrator's.
Slice read_policy(const Invocation& invocation, Slice name, policy::Policy& policy) {
  const char* places[] = {memory().join("/etc/barchan/policies/", name, ".policy"),
                          memory().join(invocation.folder, "policies/", name, ".policy")};
  for (const char* path : places) {
    Slice content;
    const i64 r = read_file(memory(), AT_FDCWD, path, content);
    if (r == -ENOENT || r == -ENOTDIR) continue;
    if (r < 0) fail_errno(r, "cannot read ", path);
    if (const char* wrong = policy::parse(reinterpret_cast<const u8*>(content.data), content.size, policy))
      fail(path, ": ", wrong);
    return content;
  }
  fail("annotations: dev.barchan.policy: there is no policy ", name, " (", places[0], ")");
}

Slice compile(const Container& container) {
  if (!container.has_seccomp) return {};
  auto* code = static_cast<sock_filter*>(memory().get(kFilterMax * sizeof(sock_filter)));
  const u32 length = compile_seccomp(memory(), *container.seccomp, code, kFilterMax);
  if (length == 0) fail("linux.seccomp is too long: it becomes more than 4096 instructions");
  return {reinterpret_cast<const char*>(code), length * sizeof(sock_filter)};
}

struct Words {
  const char** list;
  u32 count = 0;
  void add(const char* word) { list[count++] = word; }
};

const char* const* create_words(const Invocation& invocation, const char* bundle, const char* derived,
                                u32 descriptors) {
  const CommandLine& line = invocation.line;
  Words words = {static_cast<const char**>(memory().get((line.option_count + 10) * sizeof(char*)))};
  words.add(line.command);
  for (u32 i = 0; i < line.option_count; i++) words.add(line.options[i]);
  // crun takes another file for the config, and so shows the bundle's true folder.
  const bool crun = invocation.underlying.flavor == Flavor::kCrun;
  words.add("--bundle");
  words.add(crun ? bundle : derived);
  if (crun) {
    words.add("--config");
    words.add(memory().join(derived, "/config.json"));
  }
  words.add("--preserve-fds");
  Output number(memory());
  number.dec(static_cast<i64>(descriptors) - (inherited_descriptors(invocation) - line.preserve_fds));
  words.add(number.string());
  words.add(line.id);
  return underlying_words(invocation, words.list, words.count);
}

}  // namespace

void create(const Invocation& invocation) {
  const CommandLine& line = invocation.line;
  if (line.id == nullptr) fail(line.command, ": a container ID is needed");
  if (*line.rest != nullptr) fail(line.command, ": unexpected argument ", *line.rest);
  i64 error = 0;
  const char* bundle = real_directory(memory(), line.bundle != nullptr ? line.bundle : ".", error);
  if (bundle == nullptr)
    fail_errno(error, "cannot open the bundle ", line.bundle != nullptr ? line.bundle : ".");
  const char* file = line.config != nullptr ? line.config : "config.json";
  if (file[0] != '/') file = memory().join(bundle, "/", file);
  json::Value* config = read_bundle(file);
  const Surroundings host = surroundings(bundle, monitor_path(invocation));
  Container container;
  if (const char* wrong = read_config(memory(), config, host, container)) fail(file, ": ", wrong);
  refuse_systemd(container.root, container.process.program);
  if (const char* absent = check_program(memory(), config, container)) fail(absent);

  policy::Policy policy;
  Material material;
  if (!container.policy.is_empty()) material.policy = read_policy(invocation, container.policy, policy);
  material.filter = compile(container);
  rewrite_config(memory(), config, host, container,
                 host_profile(memory(), container.seccomp, container.policy.is_empty() ? nullptr : &policy));
  const u32 inherited = inherited_descriptors(invocation);
  const Descriptors descriptors = open_descriptors(container.process, material, host.monitor, inherited);

  const i64 folder = reserve_bundle(invocation.root, line.id);
  check_version(invocation.underlying, invocation.root, invocation.environment);
  write_record(folder, {invocation.underlying.path, bundle, container.root, container.entry,
                        container.cgroup.is_empty() ? line.id : memory().copy(container.cgroup),
                        container.process.open_files, material});
  Output text(memory());
  json::write(config, text);
  if (const i64 r = write_file(folder, "config.json", text.text()); r < 0)
    fail_errno(r, "cannot write config.json");

  Placing placing = {&invocation, &descriptors, inherited};
  const char* const* words = create_words(invocation, bundle, bundle_path(invocation.root, line.id),
                                          descriptor_count(descriptors, inherited));
  const i32 status = run_child(invocation.underlying.path, words, invocation.environment, prepare, &placing);
  if (!container_exists(invocation.root, line.id)) {
    remove_bundle(invocation.root, line.id, folder);
    remove_entry_file(container.root, container.entry);
  }
  end_like(status);
}

}  // namespace barchan::runtime
