// The container runtime's pure parts: JSON, the command line, the rewriting of a config, and seccomp profiles against a
// model of what they mean.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <cerrno>
#include <random>
#include <string>
#include <vector>

#include "monitor/seccomp_filter.h"
#include "runtime/command_line.h"
#include "runtime/config.h"
#include "runtime/host_profile.h"

namespace barchan::runtime {
namespace {

std::string text_of(Slice slice) { return {slice.data, slice.size}; }

std::string wrong_with(const std::string& source) {
  Arena arena;
  const json::Parsed parsed = json::parse(arena, {source.data(), source.size()});
  if (parsed.root != nullptr) return "";
  return std::to_string(parsed.line) + ":" + std::to_string(parsed.column) + " " + parsed.wrong;
}

std::string written(const std::string& source) {
  Arena arena;
  const json::Parsed parsed = json::parse(arena, {source.data(), source.size()});
  if (parsed.root == nullptr) return "";
  Output out(arena);
  json::write(parsed.root, out);
  return text_of(out.text());
}

TEST(Json, KeepsWhatItDoesNotChange) {
  for (const std::string source :
       {"null", "true", "-0.5e+10", "18446744073709551616", "\"\\u00e9\\ud83d\\ude00\\/\"", "[]", "{}",
        "[1,[2,{}],\"\"]", "{\"a\":{\"b\":[null,false]},\"\\u0061b\":1e5}"})
    EXPECT_EQ(written(source), source);
  EXPECT_EQ(written(" { \"a\" :\t[ 1 ,\n2 ] } "), "{\"a\":[1,2]}");
}

TEST(Json, RefusesWhatIsNone) {
  for (const std::string source : {"",
                                   "{",
                                   "[1,]",
                                   "{\"a\"}",
                                   "{\"a\":1,}",
                                   "01",
                                   "1.",
                                   "1e",
                                   "+1",
                                   ".5",
                                   "'a'",
                                   "tru",
                                   "nul",
                                   "\"\\x\"",
                                   "\"\\u12\"",
                                   "\"\\ud800\"",
                                   "\"\\udc00\"",
                                   "\"\\ud800\\u0041\"",
                                   "\"a",
                                   "\"\x01\"",
                                   "\"\xff\"",
                                   "\"\xc0\x80\"",
                                   "\"\xed\xa0\x80\"",
                                   "1 2",
                                   "{} x",
                                   "\"\\",
                                   "[",
                                   "{\"a\":1 \"b\":2}"})
    EXPECT_NE(wrong_with(source), "") << source;
  EXPECT_EQ(wrong_with("{\"a\":1,\n \"a\":2}"), "2:5 a name occurs twice in an object");
  EXPECT_EQ(wrong_with("{\"a\":1,\"\\u0061\":2}"), "1:16 a name occurs twice in an object");
}

TEST(Json, DecodesStrings) {
  Arena arena;
  const json::Parsed parsed = json::parse(arena, "\"\\u00e9\\ud83d\\ude00\\n\\\"\\u0000x\"");
  ASSERT_NE(parsed.root, nullptr);
  EXPECT_EQ(text_of(parsed.root->text), std::string("\xc3\xa9\xf0\x9f\x98\x80\n\"\0x", 10));
}

TEST(Json, Numbers) {
  Arena arena;
  const auto number = [&](const char* text, u64& value) {
    return json::to_u64(json::parse(arena, text).root, value);
  };
  u64 value = 0;
  EXPECT_TRUE(number("18446744073709551615", value));
  EXPECT_EQ(value, ~u64{0});
  for (const char* text : {"18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "99999999999999999999"})
    EXPECT_FALSE(number(text, value)) << text;
}

CommandLine parse_words(Arena& arena, std::vector<const char*> words, std::string& wrong) {
  words.push_back(nullptr);
  auto* kept = static_cast<const char**>(arena.get(words.size() * sizeof(char*)));
  std::copy(words.begin(), words.end(), kept);
  CommandLine line;
  const char* problem = parse_command_line(arena, kept, static_cast<u32>(words.size() - 1), line);
  wrong = problem == nullptr ? "" : problem;
  return line;
}

TEST(CommandLine, TakesWhatEnginesSay) {
  Arena arena;
  std::string wrong;
  CommandLine line = parse_words(arena,
                                 {"--root", "/r", "--log=/l", "--log-format", "json", "--systemd-cgroup",
                                  "create", "--bundle", "/b", "--pid-file=/p", "--preserve-fds=2", "id"},
                                 wrong);
  EXPECT_EQ(wrong, "");
  EXPECT_STREQ(line.root, "/r");
  EXPECT_STREQ(line.log, "/l");
  EXPECT_TRUE(line.log_json);
  EXPECT_STREQ(line.command, "create");
  EXPECT_STREQ(line.bundle, "/b");
  EXPECT_EQ(line.preserve_fds, 2u);
  EXPECT_STREQ(line.id, "id");
  EXPECT_EQ(line.global_count, 4u);
  EXPECT_EQ(line.option_count, 1u);

  line = parse_words(arena, {"exec", "-t", "-u1000:1000", "-e", "A=b", "id", "sh", "-c", "--bundle"}, wrong);
  EXPECT_EQ(wrong, "");
  EXPECT_STREQ(line.id, "id");
  EXPECT_STREQ(line.rest[0], "sh");
  EXPECT_STREQ(line.rest[2], "--bundle");
  EXPECT_EQ(line.option_count, 4u);

  line = parse_words(arena, {"delete", "-f", "id"}, wrong);
  EXPECT_TRUE(line.force);
  EXPECT_FALSE(parse_words(arena, {"delete", "--force=false", "id"}, wrong).force);
}

TEST(CommandLine, RefusesTheRest) {
  Arena arena;
  std::string wrong;
  for (const std::vector<const char*>& words : {std::vector<const char*>{"--no-such", "list"},
                                                {"--root"},
                                                {"create", "--no-such", "id"},
                                                {"create", "--bundle"},
                                                {"create", "--preserve-fds", "-1", "id"},
                                                {"create", "--preserve-fds", "901", "id"},
                                                {"delete", "--bundle", "x", "id"}}) {
    parse_words(arena, words, wrong);
    EXPECT_NE(wrong, "") << words[0];
  }
  for (const char* id : {"", ".", "..", "a/b", "a b", "\xc3\xa9"}) EXPECT_FALSE(is_container_id(id)) << id;
  EXPECT_TRUE(is_container_id("a_B-1.2+3"));
}

// What a profile's entries say about a call, entry by entry (seccomp_profile.h).
struct ModelRule {
  u32 nr, action;
  std::vector<SeccompCondition> conditions;
};

constexpr const char* kNames[] = {"SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT",       "SCMP_CMP_LE",
                                  "SCMP_CMP_GT", "SCMP_CMP_GE", "SCMP_CMP_MASKED_EQ"};

bool holds(const SeccompCondition& c, u64 value) {
  switch (c.comparison) {
    case 0: return value == c.value;
    case 1: return value != c.value;
    case 2: return value < c.value;
    case 3: return value <= c.value;
    case 4: return value > c.value;
    case 5: return value >= c.value;
    default: return (value & c.value) == c.second;
  }
}

u32 model(const std::vector<ModelRule>& rules, u32 otherwise, u32 nr, const u64 (&args)[6]) {
  for (const ModelRule& rule : rules)
    if (rule.nr == nr && rule.action != otherwise && rule.conditions.empty()) return rule.action;
  for (const ModelRule& rule : rules) {
    if (rule.nr != nr || rule.action == otherwise) continue;
    bool all = true;
    for (const SeccompCondition& c : rule.conditions) all &= holds(c, args[c.argument]);
    if (all) return rule.action;
  }
  return otherwise;
}

TEST(SeccompProfile, MeansWhatItsEntriesSay) {
  std::mt19937_64 random(7);
  const u64 values[] = {0,          1,           5,           0x7fffffff, 0x80000000,
                        0xffffffff, 0x100000000, 0x100000005, ~u64{0},    u64{1} << 63};
  const auto value = [&] { return values[random() % 10]; };
  const char* calls[] = {"read", "write", "open", "close", "mkdir", "prctl", "openat", "clone3"};
  const u32 numbers[] = {SYS_read,  SYS_write, SYS_open,   SYS_close,
                         SYS_mkdir, SYS_prctl, SYS_openat, SYS_clone3};
  for (int round = 0; round < 400; round++) {
    std::string entries;
    std::vector<ModelRule> rules;
    for (u64 n = random() % 12; n > 0; n--) {
      const u64 call = random() % 8;
      const u32 error = static_cast<u32>(1 + random() % 100);
      const bool allows = random() % 2;
      ModelRule rule = {numbers[call], allows ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | error, {}};
      std::string args;
      for (u32 argument = 0; argument < 6; argument++) {
        if (random() % 4 != 0) continue;
        const SeccompCondition c = {argument, static_cast<u8>(random() % 7), value(), value()};
        rule.conditions.push_back(c);
        args += (args.empty() ? "" : ",") + std::string("{\"index\":") + std::to_string(argument) +
                ",\"value\":" + std::to_string(c.value) + ",\"valueTwo\":" + std::to_string(c.second) +
                ",\"op\":\"" + kNames[c.comparison] + "\"}";
      }
      entries += (entries.empty() ? "" : ",") + std::string("{\"names\":[\"") + calls[call] +
                 "\"],\"action\":\"" +
                 (allows ? "SCMP_ACT_ALLOW\"" : "SCMP_ACT_ERRNO\",\"errnoRet\":" + std::to_string(error)) +
                 ",\"args\":[" + args + "]}";
      rules.push_back(rule);
    }
    const bool allows = random() % 2;
    const std::string source = std::string("{\"defaultAction\":\"") +
                               (allows ? "SCMP_ACT_ALLOW" : "SCMP_ACT_KILL_PROCESS") + "\",\"syscalls\":[" +
                               entries + "]}";
    Arena arena;
    auto* profile = arena.make<SeccompProfile>();
    const json::Parsed parsed = json::parse(arena, {source.data(), source.size()});
    ASSERT_NE(parsed.root, nullptr) << source;
    ASSERT_EQ(read_seccomp(arena, parsed.root, *profile), nullptr) << source;
    std::vector<sock_filter> code(4096);
    const u32 length = compile_seccomp(arena, *profile, code.data(), 4096);
    ASSERT_TRUE(seccomp_filter_valid(code.data(), length)) << source;
    const u32 otherwise = allows ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
    for (int probe = 0; probe < 40; probe++) {
      const u32 nr = numbers[random() % 8];
      u64 args[6];
      for (u64& arg : args) arg = value();
      seccomp_data data = {static_cast<int>(nr), AUDIT_ARCH_X86_64, 0, {}};
      for (int i = 0; i < 6; i++) data.args[i] = args[i];
      const u32 expected = model(rules, otherwise, nr, args);
      ASSERT_EQ(seccomp_filter_run(code.data(), length, data), expected) << source << " call " << nr;
      if (expected == SECCOMP_RET_ALLOW) ASSERT_TRUE(may_pass(*profile, nr)) << source;
    }
  }
}

TEST(SeccompProfile, NumbersThatItDoesNotKnow) {
  Arena arena;
  auto* profile = arena.make<SeccompProfile>();
  const json::Parsed parsed = json::parse(arena,
                                          "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":["
                                          "\"read\",\"openat\"],\"action\":\"SCMP_ACT_ALLOW\"}]}");
  ASSERT_EQ(read_seccomp(arena, parsed.root, *profile), nullptr);
  std::vector<sock_filter> code(4096);
  const u32 length = compile_seccomp(arena, *profile, code.data(), 4096);
  const auto verdict = [&](u32 nr, u32 architecture = AUDIT_ARCH_X86_64) {
    return seccomp_filter_run(code.data(), length, {static_cast<int>(nr), architecture, 0, {}});
  };
  EXPECT_EQ(verdict(SYS_read), u32{SECCOMP_RET_ALLOW});
  EXPECT_EQ(verdict(SYS_write), u32{SECCOMP_RET_ERRNO | EPERM});
  EXPECT_EQ(verdict(SYS_openat + 1), u32{SECCOMP_RET_ERRNO | ENOSYS});
  EXPECT_EQ(verdict(SYS_read | 0x40000000), u32{SECCOMP_RET_KILL_THREAD});
  EXPECT_EQ(verdict(SYS_read, AUDIT_ARCH_I386), u32{SECCOMP_RET_KILL_THREAD});
}

TEST(HostProfile, FollowsTheContainersOwn) {
  Arena arena;
  const auto allows = [&](const json::Value* profile, const char* name) {
    const json::Value* names = json::find(json::find(profile, "syscalls")->first, "names");
    for (const json::Value* v = names->first; v != nullptr; v = v->next)
      if (v->text == Slice(name)) return true;
    return false;
  };
  auto* own = arena.make<SeccompProfile>();
  const json::Parsed parsed = json::parse(arena,
                                          "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":["
                                          "\"open\"],\"action\":\"SCMP_ACT_ALLOW\"}]}");
  ASSERT_EQ(read_seccomp(arena, parsed.root, *own), nullptr);
  const json::Value* narrow = host_profile(arena, own, nullptr);
  const json::Value* wide = host_profile(arena, nullptr, nullptr);
  EXPECT_TRUE(allows(wide, "mkdirat"));
  EXPECT_FALSE(allows(narrow, "mkdirat"));
  EXPECT_TRUE(allows(narrow, "openat2"));  // what open becomes
  for (const char* never : {"mount", "ptrace", "bpf", "setns", "io_uring_setup", "pivot_root", "init_module"})
    EXPECT_FALSE(allows(wide, never)) << never;
}

}  // namespace
}  // namespace barchan::runtime
