#include "sandbox/landlock.h"

#include <linux/fcntl.h>
#include <linux/landlock.h>

#include "host/syscall.h"
#include "sandbox/tree.h"

namespace barchan::sandbox {
namespace {

// Later than the oldest <linux/landlock.h> that this is built with.
constexpr u64 kTruncate = 1ull << 14;                      // ABI 3
constexpr u64 kIoctlDevice = 1ull << 15;                   // ABI 5
constexpr u64 kScopeAbstractSocket = 1, kScopeSignal = 2;  // ABI 6

struct Ruleset {  // struct landlock_ruleset_attr
  u64 files, network, scoped;
};

constexpr u64 kRead = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr u64 kChange =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | kTruncate;
// Never in any rule: nobody here makes device nodes.
constexpr u64 kNever = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
constexpr u64 kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr u64 kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | kWriteFile | kIoctlDevice;

constexpr u64 known_to(i64 abi) {
  u64 rights = kRead | kChange | kNever | kIoctlDevice;
  if (abi < 5) rights &= ~kIoctlDevice;
  if (abi < 3) rights &= ~kTruncate;
  if (abi < 2) rights &= ~u64{LANDLOCK_ACCESS_FS_REFER};
  return rights;
}

class Rules {
 public:
  explicit Rules(i64 abi) : handled_(known_to(abi)) {
    const Ruleset attr = {handled_, 0, abi >= 6 ? kScopeAbstractSocket | kScopeSignal : 0};
    // An older kernel takes the longer structure as long as what it does not know is 0.
    ruleset_ = Fd(host::call(__NR_landlock_create_ruleset, &attr, sizeof attr, 0));
    error_ = ruleset_.error();
  }

  Rules& allow(int place, u64 rights) {
    rights &= handled_;
    if (!is_folder(place)) rights &= kOfFiles;
    landlock_path_beneath_attr rule = {};
    rule.allowed_access = rights;
    rule.parent_fd = place;
    if (error_ == 0)
      error_ = host::call(__NR_landlock_add_rule, ruleset_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    return *this;
  }

  Rules& allow(const char* path, u64 rights) {
    if (error_ != 0) return *this;
    Fd place(host::call(__NR_openat, AT_FDCWD, path, 010000000 | O_CLOEXEC));
    if (place.ok()) return allow(place.get(), rights);
    if (place.error() != -ENOENT) error_ = place.error();
    return *this;
  }

  i64 enforce() { return error_ != 0 ? error_ : host::call(__NR_landlock_restrict_self, ruleset_.get(), 0); }

 private:
  u64 handled_;
  Fd ruleset_;
  i64 error_ = 0;
};

}  // namespace

Failure restrict_files(const Config& config, int image) {
  const i64 version = host::call(__NR_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) return config.weaker(abi::kWeakerLandlock) ? Failure{} : check(version, "landlock");
  Rules rules(version);
  const bool writable = config.blob.writable != abi::kWritableNone;
  rules.allow("/", kRead | (writable ? kChange : 0));
  if (image >= 0) rules.allow(image, LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE);
  rules.allow("/dev", kWriteFile | kIoctlDevice).allow("/dev/shm", kChange).allow("/dev/mqueue", kChange);
  rules.allow("/proc", kWriteFile);
  rules.allow("/tmp", kChange).allow("/run", kChange).allow("/var/tmp", kChange);
  for (u32 i = 0; i < config.blob.mount_count; i++) {
    const Mount mount = config.mount(i);
    if ((mount.flags & abi::kMountReadOnly) == 0) rules.allow(mount.target, kChange);
  }
  return check(rules.enforce(), "landlock");
}

}  // namespace barchan::sandbox
