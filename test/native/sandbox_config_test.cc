// The description of a sandbox as keeper and supervisor check it: everything that is not exactly right is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sandbox/cgroup.h"
#include "sandbox/config.h"

namespace barchan::sandbox {
namespace {

struct Block {
  abi::SandboxBlob head = {};
  std::vector<abi::SandboxMount> mounts;
  std::vector<u32> groups;
  std::vector<abi::SandboxSetting> settings;
  std::string strings;

  Block() {
    head.magic = abi::kSandboxMagic;
    head.version = abi::kSandboxVersion;
    head.scratch_size = 1 << 20;
    head.root = place("/");
    head.hostname = place("sandbox");
  }
  // Offsets of strings count from the end of the head, until bytes() knows how long the table is.
  u32 place(const std::string& text) {
    const u32 offset = static_cast<u32>(strings.size());
    strings.append(text).push_back('\0');
    return offset + 1;
  }
  void mount(u32 kind, const std::string& source, const std::string& target, u64 size = 0, u32 flags = 0) {
    mounts.push_back({kind, flags, source.empty() ? 0 : place(source), place(target), size});
  }
  std::vector<char> bytes() const {
    const u32 groups_at = static_cast<u32>(sizeof head + mounts.size() * sizeof(abi::SandboxMount));
    const u32 settings_at = groups_at + static_cast<u32>(groups.size() * sizeof(u32));
    const u32 base = settings_at + static_cast<u32>(settings.size() * sizeof(abi::SandboxSetting)) - 1;
    abi::SandboxBlob copy = head;
    for (u32* offset : {&copy.root, &copy.layer, &copy.hostname, &copy.cpu_usage})
      if (*offset != 0) *offset += base;
    if (copy.groups == 0 && !groups.empty()) copy.groups = groups_at;
    if (copy.settings == 0 && !settings.empty()) copy.settings = settings_at;
    if (copy.group_count == 0) copy.group_count = static_cast<u32>(groups.size());
    if (copy.setting_count == 0) copy.setting_count = static_cast<u32>(settings.size());
    copy.mount_count = static_cast<u32>(mounts.size());
    copy.mounts = mounts.empty() ? 0 : sizeof head;
    copy.size = static_cast<u32>(base + 1 + strings.size());
    std::vector<char> all(reinterpret_cast<const char*>(&copy), reinterpret_cast<const char*>(&copy + 1));
    for (abi::SandboxMount entry : mounts) {
      if (entry.source != 0) entry.source += base;
      if (entry.target != 0) entry.target += base;
      all.insert(all.end(), reinterpret_cast<const char*>(&entry), reinterpret_cast<const char*>(&entry + 1));
    }
    for (u32 group : groups) {
      group += base;
      all.insert(all.end(), reinterpret_cast<const char*>(&group), reinterpret_cast<const char*>(&group + 1));
    }
    for (abi::SandboxSetting entry : settings) {
      entry.file += base;
      entry.value += base;
      all.insert(all.end(), reinterpret_cast<const char*>(&entry), reinterpret_cast<const char*>(&entry + 1));
    }
    all.insert(all.end(), strings.begin(), strings.end());
    return all;
  }
};

// Null when accepted. The block is copied to where the sanitizer sees a read past its end.
const char* parse(const std::vector<char>& bytes, Config* result = nullptr) {
  static std::vector<u64> kept;
  kept.assign((bytes.size() + 7) / 8, 0);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(kept.data()));
  Config config;
  const char* wrong = parse_config(reinterpret_cast<const char*>(kept.data()), bytes.size(), config);
  if (result != nullptr) *result = config;
  return wrong;
}

TEST(SandboxConfig, ReadsWhatIsRight) {
  Block block;
  block.head.writable = abi::kWritableDirectory;
  block.head.layer = block.place("/layer");
  block.mount(abi::kMountBind, "/from", "/to", 0, abi::kMountReadOnly);
  block.mount(abi::kMountTmpfs, "", "/a/b", 4096, abi::kMountNoExec);
  Config config;
  ASSERT_STREQ(parse(block.bytes(), &config), nullptr);
  EXPECT_STREQ(config.root, "/");
  EXPECT_STREQ(config.layer, "/layer");
  EXPECT_STREQ(config.hostname, "sandbox");
  EXPECT_STREQ(config.mount(0).source, "/from");
  EXPECT_STREQ(config.mount(0).target, "/to");
  EXPECT_EQ(config.mount(1).source, nullptr);
  EXPECT_STREQ(config.mount(1).target, "/a/b");
  EXPECT_EQ(config.mount(1).size, 4096u);
}

Block with_groups() {
  Block block;
  block.groups = {block.place("/g/1"), block.place("/g/2")};
  block.settings.push_back({block.place("/g/1/memory.max"), block.place("77"), 0});
  block.settings.push_back({block.place("/g/1/x"), block.place(""), abi::kSettingOptional});
  block.head.cpu_us = 5;
  block.head.cpu_usage = block.place("/g/2/cpu.stat");
  block.head.oom_adjust = 1000;
  return block;
}

TEST(SandboxConfig, ReadsControlGroups) {
  Config config;
  ASSERT_STREQ(parse(with_groups().bytes(), &config), nullptr);
  EXPECT_STREQ(config.group(0), "/g/1");
  EXPECT_STREQ(config.group(1), "/g/2");
  EXPECT_STREQ(config.setting(0).file, "/g/1/memory.max");
  EXPECT_STREQ(config.setting(0).value, "77");
  EXPECT_FALSE(config.setting(0).optional);
  EXPECT_STREQ(config.setting(1).value, "");
  EXPECT_TRUE(config.setting(1).optional);
  EXPECT_STREQ(config.cpu_usage, "/g/2/cpu.stat");
}

TEST(SandboxConfig, RefusesWrongControlGroups) {
  const auto refused = [](auto change) {
    Block block = with_groups();
    change(block);
    return parse(block.bytes()) != nullptr;
  };
  EXPECT_FALSE(refused([](Block&) {}));
  EXPECT_TRUE(refused([](Block& b) { b.groups[0] = b.place("relative"); }));
  EXPECT_TRUE(refused([](Block& b) { b.groups[0] = b.place("/"); }));
  EXPECT_TRUE(refused([](Block& b) { b.groups[0] = b.place("/g/../1"); }));
  EXPECT_TRUE(refused([](Block& b) { b.groups[0] = 1u << 20; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.groups = 8; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.groups = ~0u & ~3u; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.groups = sizeof b.head + 2; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.group_count = abi::kSandboxGroups + 1; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.setting_count = ~0u; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.settings = 1u << 30; }));
  EXPECT_TRUE(refused([](Block& b) { b.settings[0].file = b.place("memory.max"); }));
  EXPECT_TRUE(refused([](Block& b) { b.settings[0].value = 1u << 30; }));
  EXPECT_TRUE(refused([](Block& b) { b.settings[0].flags = 2; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.cpu_us = 0; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.cpu_usage = 0; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.cpu_us = ~0ull; }));
  EXPECT_TRUE(refused([](Block& b) { b.groups.clear(); }));
  EXPECT_TRUE(refused([](Block& b) { b.head.oom_adjust = 1001; }));
}

TEST(ProcessorTime, IsReadFromBothVersions) {
  const auto parsed = [](const std::string& text) { return parse_processor_time(text.data(), text.size()); };
  EXPECT_EQ(parsed("1234567890\n"), 1234567);
  EXPECT_EQ(parsed("usage_usec 42\nuser_usec 40\n"), 42);
  EXPECT_EQ(parsed("x 1\nusage_usec 42"), 42);
  for (const char* wrong : {"", "\n", "usage_usec", "usage_usec ", "xusage_usec 42\n", "usage_usec x\n",
                            "99999999999999999999999\n"}) {
    EXPECT_EQ(parsed(wrong), -1) << wrong;
  }
}

TEST(SandboxConfig, RefusesEveryTruncation) {
  Block block = with_groups();
  block.mount(abi::kMountBind, "/from", "/to");
  const std::vector<char> all = block.bytes();
  for (size_t size = 0; size < all.size(); size++)
    EXPECT_NE(parse(std::vector<char>(all.begin(), all.begin() + static_cast<long>(size))), nullptr) << size;
  std::vector<char> longer = all;
  longer.push_back(0);
  EXPECT_NE(parse(longer), nullptr);
}

TEST(SandboxConfig, RefusesEachWrongField) {
  const auto refused = [](auto change) {
    Block block;
    block.mount(abi::kMountBind, "/from", "/to");
    change(block);
    return parse(block.bytes()) != nullptr;
  };
  EXPECT_FALSE(refused([](Block&) {}));
  EXPECT_TRUE(refused([](Block& b) { b.head.magic++; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.version++; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.weaker = 1u << 31; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.network = 3; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.writable = 3; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.writable = abi::kWritableDirectory; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.layer = b.place("/x"); }));
  EXPECT_TRUE(refused([](Block& b) { b.head.root = b.place("relative"); }));
  EXPECT_TRUE(refused([](Block& b) { b.head.root = 1u << 20; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.hostname = b.place(""); }));
  EXPECT_TRUE(refused([](Block& b) { b.head.hostname = b.place(std::string(65, 'a')); }));
  EXPECT_TRUE(refused([](Block& b) { b.head.uid = ~0u; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.host_gid = ~0u; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.scratch_size = 0; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.reserved = 1; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.reserved_word = 1; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.id_count = abi::kSandboxIds + 1; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.limits_set = 1u << 16; }));
  EXPECT_TRUE(refused([](Block& b) { b.head.limits[3].hard = 1; }));
  EXPECT_TRUE(refused([](Block& b) {
    b.head.limits_set = 1u << 3;
    b.head.limits[3] = {2, 1};
  }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].kind = 2; }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].flags = 4; }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].size = 1; }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].source = b.place("relative"); }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].source = 0; }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].target = b.place(std::string(5000, '/')); }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].target = b.place("/a/../b"); }));
  EXPECT_TRUE(refused([](Block& b) { b.mounts[0].target = b.place("/"); }));
  EXPECT_TRUE(refused([](Block& b) { b.mount(abi::kMountTmpfs, "", "/t", 0); }));
  EXPECT_TRUE(refused([](Block& b) { b.mount(abi::kMountTmpfs, "/s", "/t", 1); }));
  EXPECT_TRUE(refused([](Block& b) {
    while (b.mounts.size() <= abi::kSandboxMounts) b.mount(abi::kMountTmpfs, "", "/t", 1);
  }));
}

TEST(SandboxConfig, KnowsPlainPaths) {
  for (const char* path : {"/", "/a", "/a/b", "/...", "/.a", "/a..", "/..a/.b"})
    EXPECT_TRUE(is_plain_path(path)) << path;
  for (const char* path : {"", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/.", "/a/..", "/./a", "/../a"})
    EXPECT_FALSE(is_plain_path(path)) << path;
  EXPECT_FALSE(is_plain_path(("/" + std::string(kPathMax, 'a')).c_str()));
}

}  // namespace
}  // namespace barchan::sandbox
