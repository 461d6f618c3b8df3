#include "sandbox/config.h"

#include "host/string.h"

namespace barchan::sandbox {
namespace {

using abi::SandboxBlob;
using abi::SandboxMount;
using abi::SandboxSetting;

constexpr u32 kKnownWeaker = abi::kWeakerLandlock | abi::kWeakerSysfs;
constexpr u32 kKnownMountFlags = abi::kMountReadOnly | abi::kMountNoExec;
constexpr size_t kHostnameMax = 64;

// The terminated string at `offset`, behind the head and shorter than `limit`, or null.
const char* string_at(const char* bytes, size_t size, u32 offset, size_t limit) {
  if (offset < sizeof(SandboxBlob) || offset >= size) return nullptr;
  for (size_t i = offset; i < size && i - offset < limit; i++)
    if (bytes[i] == 0) return bytes + offset;
  return nullptr;
}

bool is_id(u32 id) { return id != ~0u; }

const char* check_mounts(const char* bytes, size_t size, const SandboxBlob& blob) {
  if (blob.mount_count > abi::kSandboxMounts) return "too many mounts";
  if (blob.mount_count == 0) return blob.mounts == 0 ? nullptr : "a table of no mounts";
  if (blob.mounts < sizeof blob || blob.mounts % 8 != 0 || blob.mounts > size ||
      size - blob.mounts < blob.mount_count * sizeof(SandboxMount)) {
    return "the table of mounts lies outside";
  }
  for (u32 i = 0; i < blob.mount_count; i++) {
    SandboxMount mount;
    memcpy(&mount, bytes + blob.mounts + i * sizeof mount, sizeof mount);
    if (mount.kind != abi::kMountBind && mount.kind != abi::kMountTmpfs) return "an unknown kind of mount";
    if (mount.flags & ~kKnownMountFlags) return "a mount has unknown flags";
    const char* target = string_at(bytes, size, mount.target, kPathMax);
    if (target == nullptr || !is_plain_path(target) || target[1] == 0) return "a mount's target is no path";
    if (mount.kind == abi::kMountBind) {
      const char* source = string_at(bytes, size, mount.source, kPathMax);
      if (source == nullptr || source[0] != '/' || mount.size != 0) return "a mount's source is no path";
    } else if (mount.source != 0 || mount.size == 0) {
      return "a tmpfs has a source or no size";
    }
  }
  return nullptr;
}

// Is there room for a table of `count` entries at `offset`, behind the head?
bool holds(size_t size, u32 offset, u32 count, size_t entry) {
  if (count == 0) return offset == 0;
  return offset >= sizeof(SandboxBlob) && offset % 4 == 0 && offset <= size &&
         (size - offset) / entry >= count;
}

const char* check_groups(const char* bytes, size_t size, const SandboxBlob& blob) {
  if (blob.group_count > abi::kSandboxGroups || blob.setting_count > abi::kSandboxSettings)
    return "too many control groups";
  if (!holds(size, blob.groups, blob.group_count, sizeof(u32)) ||
      !holds(size, blob.settings, blob.setting_count, sizeof(SandboxSetting))) {
    return "a table of control groups lies outside";
  }
  for (u32 i = 0; i < blob.group_count; i++) {
    u32 offset;
    memcpy(&offset, bytes + blob.groups + i * sizeof offset, sizeof offset);
    const char* group = string_at(bytes, size, offset, kPathMax);
    if (group == nullptr || !is_plain_path(group) || group[1] == 0) return "a control group is no path";
  }
  for (u32 i = 0; i < blob.setting_count; i++) {
    SandboxSetting setting;
    memcpy(&setting, bytes + blob.settings + i * sizeof setting, sizeof setting);
    const char* file = string_at(bytes, size, setting.file, kPathMax);
    if (file == nullptr || !is_plain_path(file)) return "a control group's file is no path";
    if (setting.flags & ~abi::kSettingOptional) return "a control group's setting has unknown flags";
    if (string_at(bytes, size, setting.value, kPathMax) == nullptr)
      return "a control group's setting is no text";
  }
  const char* usage = blob.cpu_usage == 0 ? nullptr : string_at(bytes, size, blob.cpu_usage, kPathMax);
  if ((blob.cpu_us != 0) != (usage != nullptr) || (usage != nullptr && !is_plain_path(usage)) ||
      (usage != nullptr && blob.group_count == 0)) {
    return "the limit on processor time is wrong";
  }
  if (blob.cpu_us > 1ull << 62 || blob.oom_adjust > 1000) return "a limit is out of range";
  return nullptr;
}

}  // namespace

bool is_plain_path(const char* path) {
  if (path[0] != '/') return false;
  if (path[1] == 0) return true;
  size_t length = 0;  // of the component so far
  size_t i = 1;
  for (; i < kPathMax; i++) {
    const char c = path[i];
    if (c != '/' && c != 0) {
      length++;
      continue;
    }
    if (length == 0 || (length == 1 && path[i - 1] == '.') ||
        (length == 2 && path[i - 1] == '.' && path[i - 2] == '.')) {
      return false;
    }
    if (c == 0) return true;
    length = 0;
  }
  return false;
}

Mount Config::mount(u32 index) const {
  const SandboxMount& entry = table[index];
  return {entry.kind, entry.flags, entry.source != 0 ? bytes + entry.source : nullptr, bytes + entry.target,
          entry.size};
}

const char* Config::group(u32 index) const {
  return bytes + reinterpret_cast<const u32*>(bytes + blob.groups)[index];
}

Setting Config::setting(u32 index) const {
  const SandboxSetting& entry = reinterpret_cast<const SandboxSetting*>(bytes + blob.settings)[index];
  return {bytes + entry.file, bytes + entry.value, (entry.flags & abi::kSettingOptional) != 0};
}

const char* parse_config(const char* bytes, size_t size, Config& config) {
  if (size < sizeof(SandboxBlob) || size > abi::kSandboxMaximum) return "the description has a wrong size";
  memcpy(&config.blob, bytes, sizeof config.blob);
  const SandboxBlob& blob = config.blob;
  if (blob.magic != abi::kSandboxMagic) return "the description has no magic number";
  if (blob.version != abi::kSandboxVersion) return "the description is of another version";
  if (blob.size != size) return "the description has a wrong size";
  if (blob.reserved_word != 0 || blob.reserved != 0) return "the description has reserved fields in use";
  if (blob.id_count > abi::kSandboxIds) return "too many ids";
  if (blob.weaker & ~kKnownWeaker) return "the description allows what is not known";
  if (blob.network > abi::kNetworkHost) return "the network is of an unknown kind";
  if (blob.writable > abi::kWritableDirectory) return "the writable layer is of an unknown kind";
  if (!is_id(blob.uid) || !is_id(blob.gid) || !is_id(blob.host_uid) || !is_id(blob.host_gid))
    return "a user or group cannot exist";
  if (blob.scratch_size == 0) return "the memory for writable places has no size";
  if (blob.limits_set >> abi::kSandboxLimits != 0) return "a limit is not known";
  for (u32 i = 0; i < abi::kSandboxLimits; i++) {
    const bool set = (blob.limits_set >> i & 1) != 0;
    const auto& limit = blob.limits[i];
    if (set ? limit.soft > limit.hard : limit.soft != 0 || limit.hard != 0) return "a limit is wrong";
  }
  config.bytes = bytes;
  config.root = string_at(bytes, size, blob.root, kPathMax);
  if (config.root == nullptr || config.root[0] != '/') return "the root is no path";
  config.layer = nullptr;
  if (blob.writable == abi::kWritableDirectory) {
    config.layer = string_at(bytes, size, blob.layer, kPathMax);
    if (config.layer == nullptr || config.layer[0] != '/') return "the writable layer is no path";
  } else if (blob.layer != 0) {
    return "a writable layer that is not asked for";
  }
  config.hostname = string_at(bytes, size, blob.hostname, kHostnameMax + 1);
  if (config.hostname == nullptr || config.hostname[0] == 0) return "the host name is no name";
  if (const char* wrong = check_groups(bytes, size, blob)) return wrong;
  config.cpu_usage = blob.cpu_usage == 0 ? nullptr : bytes + blob.cpu_usage;
  config.table = reinterpret_cast<const SandboxMount*>(bytes + blob.mounts);
  return check_mounts(bytes, size, blob);
}

}  // namespace barchan::sandbox
