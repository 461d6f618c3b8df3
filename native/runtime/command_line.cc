#include "runtime/command_line.h"

namespace barchan::runtime {
namespace {

constexpr u32 kPreserveMax = 900;  // abi/start.h takes 1000

// Options of runc and crun. Those with a value, by their names without dashes; each list ends with null.
constexpr const char* kGlobalValues[] = {"root", "log",      "log-format",     "log-level",
                                         "criu", "rootless", "cgroup-manager", nullptr};
constexpr const char* kGlobalFlags[] = {"debug", "systemd-cgroup", "no-pivot", nullptr};
constexpr const char* kCreateValues[] = {"bundle",       "b",        "config",       "f",    "console-socket",
                                         "preserve-fds", "pid-file", "pidfd-socket", nullptr};
constexpr const char* kCreateFlags[] = {"no-pivot", "no-new-keyring", "no-subreaper", "detach",
                                        "d",        "keep",           nullptr};
constexpr const char* kExecValues[] = {"console-socket",
                                       "cwd",
                                       "env",
                                       "e",
                                       "user",
                                       "u",
                                       "additional-gids",
                                       "g",
                                       "process",
                                       "p",
                                       "pid-file",
                                       "process-label",
                                       "apparmor",
                                       "cap",
                                       "c",
                                       "preserve-fds",
                                       "cgroup",
                                       "pidfd-socket",
                                       nullptr};
constexpr const char* kExecFlags[] = {"tty",          "t",    "detach", "d", "no-new-privs", "ignore-paused",
                                      "no-subreaper", nullptr};
constexpr const char* kNoValues[] = {nullptr};
constexpr const char* kDeleteFlags[] = {"force", "f", nullptr};

bool holds(const char* const* list, Slice name) {
  for (; *list != nullptr; list++) {
    if (name == Slice(*list)) return true;
  }
  return false;
}

bool same(const char* a, const char* b) { return strcmp(a, b) == 0; }

// One option: --name=value, --name value, -n value, -nvalue, -name (as Go's programs take it).
struct Option {
  Slice name;
  const char* value;  // null: a flag
  u32 words;
};

class Reader {
 public:
  Reader(Arena& arena, const char* const* words, u32 count, CommandLine& line)
      : arena_(arena), words_(words), count_(count), line_(line) {}

  const char* run() {
    line_.globals = words_room();
    line_.options = words_room();
    if (const char* wrong = globals()) return wrong;
    if (at_ == count_) return nullptr;
    line_.command = words_[at_++];
    return command();
  }

 private:
  const char** words_room() {
    return static_cast<const char**>(arena_.get((2 * count_ + 1) * sizeof(char*)));
  }

  bool at_option() const { return at_ < count_ && words_[at_][0] == '-' && words_[at_][1] != 0; }

  const char* read(const char* const* values, const char* const* flags, Option& option) {
    const char* word = words_[at_];
    Slice name(word);
    const bool dashes = begins_with(name, "--");
    name = name.from(dashes ? 2 : 1);
    option = {name, nullptr, 1};
    for (size_t i = 0; i < name.size; i++) {
      if (name.data[i] != '=') continue;
      option.name = {name.data, i};
      option.value = name.data + i + 1;
      break;
    }
    const bool takes = holds(values, option.name);
    if (option.value != nullptr) {
      if (takes) return nullptr;
      if (!holds(flags, option.name)) return unknown(word);
      return nullptr;
    }
    if (takes) {
      if (at_ + 1 == count_) return arena_.join("option ", word, " needs a value");
      option.value = words_[at_ + 1];
      option.words = 2;
      return nullptr;
    }
    if (holds(flags, option.name)) return nullptr;
    // crun takes "-u1000".
    if (!dashes && name.size > 1 && holds(values, {name.data, 1})) {
      option.name = {name.data, 1};
      option.value = name.data + 1;
      return nullptr;
    }
    return unknown(word);
  }

  const char* unknown(const char* word) { return arena_.join("unknown option ", word); }

  void keep(const char** list, u32& count, const Option& option) {
    for (u32 i = 0; i < option.words; i++) list[count++] = words_[at_ + i];
  }

  const char* globals() {
    for (; at_option(); at_++) {
      const char* word = words_[at_];
      if (same(word, "--")) return "a command must be given";
      if (same(word, "--help") || same(word, "-h") || same(word, "-?")) {
        line_.help = true;
        continue;
      }
      if (same(word, "--version") || same(word, "-v")) {
        line_.version = true;
        continue;
      }
      Option option;
      if (const char* wrong = read(kGlobalValues, kGlobalFlags, option)) return wrong;
      if (option.name == Slice("root"))
        line_.root = option.value;
      else
        keep(line_.globals, line_.global_count, option);
      if (option.name == Slice("log")) line_.log = option.value;
      if (option.name == Slice("log-format")) line_.log_json = same(option.value, "json");
      at_ += option.words - 1;
    }
    return nullptr;
  }

  const char* command() {
    const char* name = line_.command;
    if (same(name, "create") || same(name, "run")) return options(kCreateValues, kCreateFlags, true);
    if (same(name, "exec")) return options(kExecValues, kExecFlags, true);
    if (same(name, "delete")) return options(kNoValues, kDeleteFlags, false);
    // Passed on as it is: the id, for what is kept about the container, is the last word or the one before it.
    line_.rest = words_ + at_;
    return nullptr;
  }

  const char* options(const char* const* values, const char* const* flags, bool rewritten) {
    for (; at_option(); at_++) {
      const char* word = words_[at_];
      if (same(word, "--")) {
        at_++;
        break;
      }
      if (same(word, "--help") || same(word, "-h") || same(word, "-?")) {
        line_.help = true;
        continue;
      }
      Option option;
      if (const char* wrong = read(values, flags, option)) return wrong;
      const char* wrong = nullptr;
      if (!rewritten || !take(option, wrong)) keep(line_.options, line_.option_count, option);
      if (wrong != nullptr) return wrong;
      if (!rewritten) line_.force |= !(option.value != nullptr && same(option.value, "false"));
      at_ += option.words - 1;
    }
    if (at_ < count_) line_.id = words_[at_++];
    line_.rest = words_ + at_;
    return nullptr;
  }

  // An option that we give the underlying runtime in our own words.
  bool take(const Option& option, const char*& wrong) {
    const bool exec = same(line_.command, "exec");
    const auto is = [&](const char* name, const char* letter) {
      return option.name == Slice(name) || option.name == Slice(letter);
    };
    if (!exec && is("bundle", "b")) return line_.bundle = option.value, true;
    if (!exec && is("config", "f")) return line_.config = option.value, true;
    if (exec && is("process", "p")) return line_.process = option.value, true;
    if (!(option.name == Slice("preserve-fds"))) return false;
    const i64 number = parse_decimal(option.value);
    if (number < 0 || number > kPreserveMax)
      wrong = arena_.join("--preserve-fds must be a number from 0 to 900, not ", option.value);
    else
      line_.preserve_fds = static_cast<u32>(number);
    return true;
  }

  Arena& arena_;
  const char* const* words_;
  u32 count_;
  u32 at_ = 0;
  CommandLine& line_;
};

}  // namespace

const char* parse_command_line(Arena& arena, const char* const* words, u32 count, CommandLine& line) {
  line = {};
  return Reader(arena, words, count, line).run();
}

bool is_container_id(const char* id) {
  if (*id == 0 || same(id, ".") || same(id, "..") || strlen(id) > 255) return false;
  for (; *id != 0; id++) {
    const char c = *id;
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '+' && c != '-' && c != '.') return false;
  }
  return true;
}

}  // namespace barchan::runtime
