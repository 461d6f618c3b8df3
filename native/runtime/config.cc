#include "runtime/config.h"

#include "runtime/schema.h"

namespace barchan::runtime {
namespace {

using json::Kind;
using json::Value;

constexpr char kAnnotations[] = "dev.barchan.";
constexpr char kPolicy[] = "dev.barchan.policy";
constexpr char kNoFile[] = "RLIMIT_NOFILE";
// What the monitor keeps of the numbers for itself (monitor/fds.cc: kFullRoom), rounded up.
constexpr u64 kPrivateRoom = 4352;

// An object below `parent`, or null when there is none; `wrong` when it is something else.
const Value* object_in(Arena& arena, const Value* parent, const char* name, const char*& wrong) {
  const Value* v = member(parent, name);
  if (v != nullptr && !v->is(Kind::kObject) && wrong == nullptr)
    wrong = arena.join(name, " must be an object");
  return v != nullptr && v->is(Kind::kObject) ? v : nullptr;
}

const char* read_limit(Arena& arena, const Value* limit, const char* path, FileLimit& found) {
  if (!limit->is(Kind::kObject)) return arena.join(path, " must be an object");
  static constexpr const char* kKnown[] = {"type", "soft", "hard"};
  if (const char* wrong = check_names(arena, limit, path, kKnown)) return wrong;
  const Value* type = member(limit, "type");
  if (type == nullptr || !type->is(Kind::kString)) return arena.join(path, ".type must be a string");
  u64 soft, hard;
  if (!json::to_u64(member(limit, "soft"), soft))
    return arena.join(path, ".soft must be a number from 0 to 2^64-1");
  if (!json::to_u64(member(limit, "hard"), hard))
    return arena.join(path, ".hard must be a number from 0 to 2^64-1");
  if (!(type->text == Slice(kNoFile))) return nullptr;
  if (found.given) return arena.join(path, ": RLIMIT_NOFILE occurs twice");
  if (soft > hard) return arena.join(path, ": soft is higher than hard");
  found = {true, soft, hard};
  return nullptr;
}

const char* read_limits(Arena& arena, const Value* process, const char* path, FileLimit& found) {
  const Value* limits = member(process, "rlimits");
  found = {};
  if (limits == nullptr) return nullptr;
  if (!limits->is(Kind::kArray)) return arena.join(path, ".rlimits must be an array");
  u32 index = 0;
  for (const Value* v = limits->first; v != nullptr; v = v->next, index++) {
    Output at(arena);
    at.add(path).add(".rlimits[").dec(index).put(']');
    if (const char* wrong = read_limit(arena, v, at.string(), found)) return wrong;
  }
  return nullptr;
}

// Room above the container's own limit for the monitor's descriptors, as far as it can be given.
void raise_limit(Arena& arena, Value* process, const Surroundings& host, const FileLimit& limit) {
  if (!limit.given || limit.hard >= host.files_hard) return;
  const u64 raised = min(limit.hard + kPrivateRoom, host.files_hard);
  for (Value* v = member(process, "rlimits")->first; v != nullptr; v = v->next) {
    if (member(v, "type")->text == Slice(kNoFile))
      json::set(arena, v, "hard", json::make_number(arena, raised));
  }
}

Slice without_end_slash(Slice path) {
  while (path.size > 1 && path.data[path.size - 1] == '/') path.size--;
  return path;
}

const char* read_mounts(Arena& arena, const Value* config, const char*& entry) {
  const Value* mounts = member(config, "mounts");
  bool dev = false;
  entry = nullptr;
  if (mounts != nullptr) {
    if (!mounts->is(Kind::kArray)) return "mounts must be an array";
    u32 index = 0;
    for (const Value* v = mounts->first; v != nullptr; v = v->next, index++) {
      Output path(arena);
      path.add("mounts[").dec(index).put(']');
      if (!v->is(Kind::kObject)) return path.add(" must be an object"), path.string();
      static constexpr const char* kKnown[] = {"destination", "source", "type", "options"};
      if (const char* wrong = check_names(arena, v, path.string(), kKnown)) return wrong;
      const Value* destination = member(v, "destination");
      if (destination == nullptr || !destination->is(Kind::kString) || has_nul(destination->text))
        return path.add(".destination must be a string"), path.string();
      const Value* source = member(v, "source");
      if (source != nullptr && (!source->is(Kind::kString) || has_nul(source->text)))
        return path.add(".source must be a string"), path.string();
      const Value* options = member(v, "options");
      if (options != nullptr) {
        if (const char* wrong = check_strings(arena, options, path.add(".options").string())) return wrong;
      }
      const Slice place = without_end_slash(destination->text);
      if (place == Slice("/proc")) entry = kEntryByDescriptor;
      if (place == Slice("/dev")) dev = true;
    }
  }
  if (entry == nullptr) entry = dev ? kEntryInDev : kEntryInRoot;
  return nullptr;
}

bool is_bind(const Value* mount) {
  const Value* type = member(mount, "type");
  if (type != nullptr && type->is(Kind::kString) && type->text == Slice("bind")) return true;
  const Value* options = member(mount, "options");
  if (options == nullptr) return false;
  for (const Value* v = options->first; v != nullptr; v = v->next) {
    if (v->text == Slice("bind") || v->text == Slice("rbind")) return true;
  }
  return false;
}

// The derived config lies in another folder than the bundle's.
void make_sources_absolute(Arena& arena, Value* config, const char* bundle) {
  Value* mounts = member(config, "mounts");
  if (mounts == nullptr) return;
  for (Value* v = mounts->first; v != nullptr; v = v->next) {
    const Value* source = member(v, "source");
    if (source == nullptr || begins_with(source->text, "/") || !is_bind(v)) continue;
    json::set(arena, v, "source", json::make_string(arena, arena.join(bundle, "/", source->text)));
  }
}

void mount_monitor(Arena& arena, Value* config, const char* monitor, const char* entry) {
  Value* mount = json::make(arena, Kind::kObject);
  json::set(arena, mount, "destination", json::make_string(arena, entry));
  json::set(arena, mount, "type", json::make_string(arena, "bind"));
  json::set(arena, mount, "source", json::make_string(arena, monitor));
  Value* options = json::make(arena, Kind::kArray);
  static constexpr const char* kOptions[] = {"bind", "ro", "nosuid", "nodev"};
  for (const char* option : kOptions) json::append(options, json::make_string(arena, option));
  json::set(arena, mount, "options", options);
  Value* mounts = member(config, "mounts");
  if (mounts == nullptr) {
    mounts = json::make(arena, Kind::kArray);
    json::set(arena, config, "mounts", mounts);
  }
  json::append(mounts, mount);
}

const char* read_annotations(Arena& arena, const Value* config, Container& container) {
  const char* wrong = nullptr;
  const Value* annotations = object_in(arena, config, "annotations", wrong);
  if (annotations == nullptr) return wrong;
  for (const Value* v = annotations->first; v != nullptr; v = v->next) {
    if (!begins_with(v->name, kAnnotations)) continue;
    if (!(v->name == Slice(kPolicy))) return arena.join("annotations: there is no ", v->name);
    if (!v->is(Kind::kString) || v->text.is_empty())
      return arena.join("annotations: ", kPolicy, " must be a name");
    for (size_t i = 0; i < v->text.size; i++) {
      const char c = v->text.data[i];
      if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
        return arena.join("annotations: ", kPolicy, " must be a name of letters a to z, digits and '-'");
    }
    container.policy = v->text;
  }
  return nullptr;
}

const char* read_root(Arena& arena, const Value* config, const char* bundle, const char*& root) {
  const char* wrong = nullptr;
  const Value* object = object_in(arena, config, "root", wrong);
  if (wrong != nullptr) return wrong;
  static constexpr const char* kKnown[] = {"path", "readonly"};
  if (object != nullptr) wrong = check_names(arena, object, "root", kKnown);
  if (wrong != nullptr) return wrong;
  const Value* path = member(object, "path");
  if (path == nullptr || !path->is(Kind::kString) || path->text.is_empty() || has_nul(path->text))
    return "root.path must be a string that is not empty";
  root = begins_with(path->text, "/") ? arena.copy(path->text) : arena.join(bundle, "/", path->text);
  return nullptr;
}

const char* read_linux(Arena& arena, const Value* config, Container& container) {
  const char* wrong = nullptr;
  const Value* linux_part = object_in(arena, config, "linux", wrong);
  if (linux_part == nullptr) return wrong;
  static constexpr const char* kKnown[] = {"seccomp", "cgroupsPath"};
  if ((wrong = check_names(arena, linux_part, "linux", kKnown)) != nullptr) return wrong;
  const Value* cgroup = member(linux_part, "cgroupsPath");
  if (cgroup != nullptr && (!cgroup->is(Kind::kString) || has_nul(cgroup->text)))
    return "linux.cgroupsPath must be a string";
  if (cgroup != nullptr) container.cgroup = cgroup->text;
  const Value* seccomp = member(linux_part, "seccomp");
  if (seccomp == nullptr) return nullptr;
  container.has_seccomp = true;
  container.seccomp = arena.make<SeccompProfile>();
  return read_seccomp(arena, seccomp, *container.seccomp);
}

}  // namespace

const char* read_process(Arena& arena, const Value* process, const char* path, Process& found) {
  if (process == nullptr || !process->is(Kind::kObject)) return arena.join(path, " must be an object");
  static constexpr const char* kKnown[] = {"args",           "env", "cwd", "rlimits", "terminal", "user",
                                           "noNewPrivileges"};
  if (const char* wrong = check_names(arena, process, path, kKnown)) return wrong;
  const Value* args = member(process, "args");
  if (args == nullptr || !args->is(Kind::kArray) || args->first == nullptr)
    return arena.join(path, ".args must be an array of strings that is not empty");
  if (const char* wrong = check_strings(arena, args, arena.join(path, ".args"))) return wrong;
  if (args->first->text.is_empty()) return arena.join(path, ".args[0] is empty");
  if (args->first->text.size >= 4096) return arena.join(path, ".args[0] is longer than a path");
  const Value* env = member(process, "env");
  if (env != nullptr) {
    if (const char* wrong = check_strings(arena, env, arena.join(path, ".env"))) return wrong;
  }
  found.program = args->first->text;
  return read_limits(arena, process, path, found.open_files);
}

void rewrite_process(Arena& arena, Value* process, const Surroundings& host, const Process& found,
                     const char* entry) {
  json::prepend(member(process, "args"), json::make_string(arena, entry));
  raise_limit(arena, process, host, found.open_files);
}

const char* read_config(Arena& arena, const Value* config, const Surroundings& host, Container& container) {
  container = {};
  if (!config->is(Kind::kObject)) return "config.json must be an object";
  static constexpr const char* kKnown[] = {"ociVersion", "process",     "root", "mounts",
                                           "linux",      "annotations", "hooks"};
  if (const char* wrong = check_names(arena, config, "", kKnown)) return wrong;
  const Value* version = member(config, "ociVersion");
  if (version == nullptr || !version->is(Kind::kString)) return "ociVersion must be a string";
  if (!begins_with(version->text, "1."))
    return arena.join("ociVersion ", version->text, " is not supported: it must be 1.x");
  const Value* process = member(config, "process");
  if (process == nullptr) return "process must be an object";
  if (const char* wrong = read_process(arena, process, "process", container.process)) return wrong;
  if (const char* wrong = read_root(arena, config, host.bundle, container.root)) return wrong;
  if (const char* wrong = read_mounts(arena, config, container.entry)) return wrong;
  if (const char* wrong = read_annotations(arena, config, container)) return wrong;
  return read_linux(arena, config, container);
}

void rewrite_config(Arena& arena, Value* config, const Surroundings& host, const Container& container,
                    Value* profile) {
  rewrite_process(arena, member(config, "process"), host, container.process, container.entry);
  json::set(arena, member(config, "root"), "path", json::make_string(arena, container.root));
  make_sources_absolute(arena, config, host.bundle);
  if (strcmp(container.entry, kEntryByDescriptor) != 0)
    mount_monitor(arena, config, host.monitor, container.entry);
  Value* linux_part = member(config, "linux");
  if (linux_part == nullptr) {
    linux_part = json::make(arena, Kind::kObject);
    json::set(arena, config, "linux", linux_part);
  }
  json::set(arena, linux_part, "seccomp", profile);
}

}  // namespace barchan::runtime
