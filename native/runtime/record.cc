#include "runtime/record.h"

#include <linux/fcntl.h>

#include "host/syscall.h"
#include "runtime/bundles.h"
#include "runtime/fail.h"
#include "runtime/file.h"

namespace barchan::runtime {
namespace {

using json::Value;

constexpr char kName[] = "container";
constexpr char kFilter[] = "filter";
constexpr char kPolicy[] = "policy";

void put(i64 folder, const char* name, Slice content) {
  if (const i64 r = write_file(folder, name, content); r < 0) fail_errno(r, "cannot write ", name);
}

const char* text_of(const Value* object, const char* name) {
  const Value* v = json::find(object, name);
  return v != nullptr && v->is(json::Kind::kString) ? memory().copy(v->text) : nullptr;
}

Slice optional_file(const char* path) {
  Slice content;
  const i64 r = read_file(memory(), AT_FDCWD, path, content);
  if (r == -ENOENT) return {};
  if (r < 0) fail_errno(r, "cannot read ", path);
  return content;
}

}  // namespace

void write_record(i64 folder, const Record& record) {
  Arena& arena = memory();
  Value* object = json::make(arena, json::Kind::kObject);
  const auto text = [&](const char* name, const char* value) {
    json::set(arena, object, name, json::make_string(arena, value));
  };
  text("runtime", record.runtime);
  text("bundle", record.bundle);
  text("root", record.root);
  text("entry", record.entry);
  text("cgroup", record.cgroup);
  if (record.open_files.given) {
    json::set(arena, object, "filesSoft", json::make_number(arena, record.open_files.soft));
    json::set(arena, object, "filesHard", json::make_number(arena, record.open_files.hard));
  }
  Output out(arena);
  json::write(object, out);
  if (!record.material.filter.is_empty()) put(folder, kFilter, record.material.filter);
  if (!record.material.policy.is_empty()) put(folder, kPolicy, record.material.policy);
  put(folder, kName, out.text());
}

bool read_record(const char* root, const char* id, Record& record) {
  record = {};
  const char* path = memory().join(bundle_path(root, id), "/", kName);
  const Slice content = optional_file(path);
  if (content.is_empty()) return false;  // a crash may have left an empty one
  const json::Parsed parsed = json::parse(memory(), content);
  if (parsed.root == nullptr) return false;
  record.runtime = text_of(parsed.root, "runtime");
  record.bundle = text_of(parsed.root, "bundle");
  record.root = text_of(parsed.root, "root");
  record.entry = text_of(parsed.root, "entry");
  record.cgroup = text_of(parsed.root, "cgroup");
  const char* const needed[] = {record.runtime, record.bundle, record.root, record.entry, record.cgroup};
  for (const char* text : needed) {
    if (text == nullptr) fail(path, " is damaged");
  }
  record.open_files.given = json::to_u64(json::find(parsed.root, "filesSoft"), record.open_files.soft) &&
                            json::to_u64(json::find(parsed.root, "filesHard"), record.open_files.hard);
  return true;
}

void read_material(const char* root, const char* id, Record& record) {
  const char* folder = bundle_path(root, id);
  record.material.filter = optional_file(memory().join(folder, "/", kFilter));
  record.material.policy = optional_file(memory().join(folder, "/", kPolicy));
}

}  // namespace barchan::runtime
