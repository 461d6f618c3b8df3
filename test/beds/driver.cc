// Purpose: runs in a bed's virtual machine: each program of a list natively and under the monitor, one after the
//          other, and writes how each run ended and what it printed to the result port.
// Usage:   driver LIST MONITOR RESULTS FLAGS. FLAGS: StartBlob::flags of the monitor, in decimal. A line of LIST: name TAB seconds TAB program TAB argument...
// Output:  "@run NAME native|guest STATUS MILLISECONDS OUT ERR HASH\n", then OUT bytes of stdout and ERR bytes of
//          stderr (each at most kShown), then "\n". STATUS is eN, sN (signal) or t (timed out). HASH covers all of
//          stdout. "@end\n" comes last.
// Threads: single.
#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include <vector>

#include "start_monitor.h"

namespace {

constexpr long kShown = 12 << 10;
constexpr rlim_t kFileLimit = 256 << 20;  // a program gone wild must not fill the machine

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Test {
  std::string name;
  double seconds;
  std::vector<std::string> words;
};

std::vector<Test> read_list(const char* path) {
  std::vector<Test> tests;
  FILE* file = fopen(path, "r");
  char* line = nullptr;
  size_t room = 0;
  while (file && getline(&line, &room, file) > 0) {
    std::vector<std::string> words;
    std::string word;
    for (char* c = line; *c && *c != '\n'; c++) {
      if (*c == '\t') {
        words.push_back(word);
        word.clear();
      } else {
        word += *c;
      }
    }
    words.push_back(word);
    if (words.size() >= 3) tests.push_back({words[0], atof(words[1].c_str()), {words.begin() + 2, words.end()}});
  }
  return tests;
}

int results = 1;
uint32_t start_flags = 0;

void put(const void* data, size_t size) {
  for (const char* at = static_cast<const char*>(data); size;) {
    ssize_t n = write(results, at, size);
    if (n <= 0) _exit(3);
    at += n;
    size -= static_cast<size_t>(n);
  }
}

uint64_t hash_of(int fd) {
  uint64_t hash = 0xcbf29ce484222325;
  unsigned char block[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;)
    for (ssize_t i = 0; i < n; i++) hash = (hash ^ block[i]) * 0x100000001b3;
  return hash;
}

std::string start_of(int fd) {
  std::string text(kShown, 0);
  ssize_t n = pread(fd, text.data(), kShown, 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

std::string contents(const std::string& path) {
  char text[4096];
  int fd = open(path.c_str(), O_RDONLY);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
  if (fd >= 0) close(fd);
  return {text, n > 0 ? static_cast<size_t>(n) : 0};
}

// Says on stderr (the console) where a process and its descendants are, thread by thread.
void describe(pid_t pid, int depth = 0) {
  std::string base = "/proc/" + std::to_string(pid) + "/task/";
  DIR* directory = opendir(base.c_str());
  std::vector<pid_t> children;
  while (dirent* entry = directory ? readdir(directory) : nullptr) {
    if (entry->d_name[0] == '.') continue;
    std::string task = base + entry->d_name;
    fprintf(stderr, "BED: %*s%d/%s %s | %s%s\n", depth * 2, "", pid, entry->d_name, contents(task + "/stat").substr(0, 60).c_str(),
            contents(task + "/syscall").c_str(), contents(task + "/stack").c_str());
    std::string list = contents(task + "/children");
    for (char* at = strtok(list.data(), " "); at; at = strtok(nullptr, " ")) children.push_back(atoi(at));
  }
  if (directory) closedir(directory);
  for (pid_t child : children) describe(child, depth + 1);
}

// Ends what the program left behind: this process is the subreaper of all of it.
void kill_the_rest() {
  std::string path = "/proc/self/task/" + std::to_string(getpid()) + "/children";
  for (double end = now() + 20; now() < end;) {
    std::string list = contents(path);
    if (list.empty()) return;
    for (char* at = strtok(list.data(), " "); at; at = strtok(nullptr, " ")) kill(atoi(at), SIGKILL);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    usleep(2000);
  }
  fprintf(stderr, "BED: processes that cannot be killed:\n");
  describe(getpid());
}

[[noreturn]] void become(const Test& test, const char* monitor, int out, int error) {
  setsid();
  if (chdir("/tmp/work")) _exit(125);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  rlimit limit = {kFileLimit, kFileLimit};
  setrlimit(RLIMIT_FSIZE, &limit);
  dup2(open("/dev/null", O_RDONLY), 0);
  dup2(out, 1);
  dup2(error, 2);
  syscall(SYS_close_range, 3, ~0u, 0);
  std::vector<char*> argv;
  for (const std::string& word : test.words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::string environment[] = {"PATH=/bin", "HOME=/root", "TMPDIR=/tmp/work"};
  char* envp[] = {environment[0].data(), environment[1].data(), environment[2].data(), nullptr};
  if (monitor && test.words[0] == "/bed/debugger") {
    // It starts a monitor itself.
    std::string flags = std::to_string(start_flags);
    char* words[] = {argv[0], const_cast<char*>(monitor), flags.data(), nullptr};
    execve(argv[0], words, envp);
    _exit(127);
  }
  if (monitor) barchan::test::start_monitor(monitor, argv[0], argv.data(), envp, start_flags);
  execve(argv[0], argv.data(), envp);
  _exit(127);
}

void run(const Test& test, const char* monitor) {
  mkdir("/tmp/work", 0777);
  int out = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
  int error = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
  double start = now();
  pid_t child = fork();
  if (!child) become(test, monitor, out, error);
  sigset_t ended_set;
  sigemptyset(&ended_set);
  sigaddset(&ended_set, SIGCHLD);
  int status = 0;
  bool timed_out = false;
  while (waitpid(child, &status, WNOHANG) != child) {
    if (now() >= start + test.seconds) {
      timed_out = true;
      fprintf(stderr, "BED: %s timed out:\n", test.name.c_str());
      describe(child);
      break;  // kill_the_rest() ends it
    }
    timespec wait = {0, 50'000'000};
    sigtimedwait(&ended_set, nullptr, &wait);
  }
  double took = now() - start;
  kill_the_rest();
  if (system("/bin/busybox rm -rf /tmp/work")) fprintf(stderr, "driver: rm failed\n");
  std::string ended = timed_out             ? "t"
                      : WIFSIGNALED(status) ? "s" + std::to_string(WTERMSIG(status))
                                            : "e" + std::to_string(WEXITSTATUS(status));
  std::string shown = start_of(out), errors = start_of(error);
  char line[256];
  int n = snprintf(line, sizeof line, "@run %s %s %s %.0f %zu %zu %016lx\n", test.name.c_str(),
                   monitor ? "guest" : "native", ended.c_str(), took * 1000, shown.size(), errors.size(), hash_of(out));
  put(line, static_cast<size_t>(n));
  put(shown.data(), shown.size());
  put(errors.data(), errors.size());
  put("\n", 1);
  close(out);
  close(error);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  start_flags = static_cast<uint32_t>(strtoul(argv[4], nullptr, 10));
  std::vector<Test> tests = read_list(argv[1]);
  results = open(argv[3], O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (results < 0) return 3;
  termios raw;
  if (!tcgetattr(results, &raw)) {
    cfmakeraw(&raw);
    tcsetattr(results, TCSANOW, &raw);
  }
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (const Test& test : tests) {
    run(test, nullptr);
    run(test, argv[2]);
  }
  put("@end\n", 5);
  tcdrain(results);
  return 0;
}
