#include "runtime/underlying.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/wait.h>

#include "host/syscall.h"
#include "runtime/fail.h"
#include "runtime/file.h"
#include "runtime/json.h"

namespace barchan::runtime {
namespace {

constexpr char kSettings[] = "/etc/barchan/runtime.json";
constexpr char kUsualPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr u32 kExecuteOk = 1;                                  // X_OK
constexpr Flavor kFlavors[] = {Flavor::kCrun, Flavor::kRunc};  // in the order of preference
constexpr int kSigChld = 17;

bool identity_of(const char* path, struct statx& s) {
  return host::call(__NR_statx, AT_FDCWD, path, 0, STATX_TYPE | STATX_INO | STATX_MTIME | STATX_SIZE, &s) ==
             0 &&
         (s.stx_mode & S_IFMT) == S_IFREG;
}

// A program that is not ourselves under another name.
bool is_usable(const char* path) {
  struct statx candidate, self;
  if (!identity_of(path, candidate)) return false;
  if (identity_of("/proc/self/exe", self) && self.stx_ino == candidate.stx_ino &&
      self.stx_dev_major == candidate.stx_dev_major && self.stx_dev_minor == candidate.stx_dev_minor)
    return false;
  return host::call(__NR_faccessat2, AT_FDCWD, path, kExecuteOk, AT_EACCESS) == 0;
}

const char* search(const char* name, const char* folders) {
  while (*folders != 0) {
    size_t size = 0;
    while (folders[size] != 0 && folders[size] != ':') size++;
    if (size != 0 && folders[0] == '/') {
      const char* path = memory().join(Slice(folders, size), "/", name);
      if (is_usable(path)) return path;
    }
    folders += size;
    if (*folders == ':') folders++;
  }
  return nullptr;
}

const char* search_all(const char* name, const char* const* environment) {
  const char* path = variable(environment, "PATH");
  const char* found = path != nullptr ? search(name, path) : nullptr;
  return found != nullptr ? found : search(name, kUsualPath);
}

const char* from_settings() {
  Slice content;
  const i64 r = read_file(memory(), AT_FDCWD, kSettings, content);
  if (r == -ENOENT) return nullptr;
  if (r < 0) fail_errno(r, "cannot read ", kSettings);
  const json::Parsed parsed = json::parse(memory(), content);
  if (parsed.root == nullptr) fail(kSettings, ": ", parsed.wrong);
  const json::Value* runtime = json::find(parsed.root, "runtime");
  if (runtime == nullptr) return nullptr;
  if (!runtime->is(json::Kind::kString) || !begins_with(runtime->text, "/"))
    fail(kSettings, ": runtime must be an absolute path");
  return memory().copy(runtime->text);
}

// The first bytes that `path --version` prints.
Slice ask_version(const Underlying& underlying, const char* const* environment) {
  int ends[2];
  if (const i64 r = host::call(__NR_pipe2, ends, O_CLOEXEC); r < 0) fail_errno(r, "cannot make a pipe");
  const i64 pid = host::call(__NR_clone, kSigChld, 0, 0, 0, 0);
  if (pid < 0) fail_errno(pid, "cannot fork");
  if (pid == 0) {
    host::call(__NR_dup3, ends[1], 1, 0);
    const char* const arguments[] = {underlying.path, "--version", nullptr};
    host::call(__NR_execve, underlying.path, arguments, environment);
    for (;;) host::call(__NR_exit_group, 127);
  }
  host::call(__NR_close, ends[1]);
  constexpr size_t kRoom = 4096;
  char* text = static_cast<char*>(memory().get(kRoom));
  size_t size = 0;
  for (;;) {
    const i64 n = host::call(__NR_read, ends[0], text + size, kRoom - size);
    if (n == -EINTR) continue;
    if (n <= 0) break;
    size += static_cast<size_t>(n);
    if (size == kRoom) break;
  }
  host::call(__NR_close, ends[0]);
  while (host::call(__NR_wait4, pid, nullptr, 0, nullptr) == -EINTR) {}
  return {text, size};
}

// The major version in "NAME version 1.2.3", or -1.
i64 major_version(Slice text, const char* name) {
  const Slice head(memory().join(name, " version "));
  if (!begins_with(text, head)) return -1;
  i64 major = -1;
  for (size_t i = head.size; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && i < head.size + 6;
       i++)
    major = max<i64>(major, 0) * 10 + (text.data[i] - '0');
  return major;
}

Slice first_line(Slice text) {
  size_t size = 0;
  while (size < text.size && text.data[size] != '\n') size++;
  return {text.data, size};
}

}  // namespace

const char* flavor_name(Flavor flavor) { return flavor == Flavor::kCrun ? "crun" : "runc"; }

const char* variable(const char* const* environment, const char* name) {
  const size_t size = strlen(name);
  for (; *environment != nullptr; environment++) {
    if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=') return *environment + size + 1;
  }
  return nullptr;
}

Underlying underlying_at(const char* path) {
  const Slice name = base_name(path);
  for (const Flavor flavor : kFlavors) {
    if (begins_with(name, flavor_name(flavor))) return {path, flavor};
  }
  fail("the underlying runtime must be crun or runc, not ", path);
}

Underlying find_underlying(const char* const* environment) {
  const char* wanted = variable(environment, "BARCHAN_OCI_RUNTIME");
  if (wanted == nullptr || *wanted == 0) wanted = from_settings();
  if (wanted != nullptr) {
    if (wanted[0] != '/') {
      const char* found = search_all(wanted, environment);
      if (found == nullptr) fail("there is no runtime ", wanted, " in PATH");
      return underlying_at(found);
    }
    if (!is_usable(wanted)) fail("the runtime ", wanted, " cannot be executed");
    return underlying_at(wanted);
  }
  for (const Flavor flavor : kFlavors) {
    if (const char* found = search_all(flavor_name(flavor), environment)) return underlying_at(found);
  }
  fail("neither crun nor runc is installed: install one of them, or name it in ", kSettings);
}

void check_version(const Underlying& underlying, const char* root, const char* const* environment) {
  struct statx s;
  if (!identity_of(underlying.path, s)) fail("the runtime ", underlying.path, " cannot be executed");
  Output known(memory());
  known.add(underlying.path)
      .put(' ')
      .dec(static_cast<i64>(s.stx_ino))
      .put(' ')
      .dec(static_cast<i64>(s.stx_size));
  known.put(' ').dec(s.stx_mtime.tv_sec).put('.').dec(s.stx_mtime.tv_nsec).put('\n');
  const char* file = memory().join(root, "/checked-", flavor_name(underlying.flavor));
  Slice content;
  if (read_file(memory(), AT_FDCWD, file, content) == 0 && content == known.text()) return;
  const Slice version = ask_version(underlying, environment);
  const i64 major = major_version(version, flavor_name(underlying.flavor));
  if (major < 0) fail(underlying.path, " does not say its version: \"", first_line(version), "\"");
  if (major < 1)
    fail(first_line(version), " is too old: ", flavor_name(underlying.flavor), " 1.0 or later is needed");
  write_file(AT_FDCWD, file, known.text());
}

}  // namespace barchan::runtime
