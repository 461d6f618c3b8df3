// Lines of the tracer, over a small guest memory of the test's own.
#include <asm/unistd.h>
#include <gtest/gtest.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "host/uaccess.h"
#include "monitor/trace.h"

namespace barchan {

// GUEST memory: one mapping at kMemory, the rest faults.
namespace {
constexpr u64 kMemory = 0x100000;
std::vector<u8> memory(1 << 16);
}  // namespace

i64 copy_from_guest(void* to, u64 from, size_t size) {
  if (from < kMemory || from - kMemory > memory.size() || size > memory.size() - (from - kMemory))
    return -EFAULT;
  memcpy(to, memory.data() + (from - kMemory), size);
  return 0;
}

i64 string_from_guest(char* to, u64 from, size_t capacity) {
  for (size_t i = 0; i < capacity; i++) {
    if (copy_from_guest(to + i, from + i, 1) != 0) return -EFAULT;
    if (to[i] == 0) return static_cast<i64>(i);
  }
  return -ENAMETOOLONG;
}

namespace trace {
namespace {

class Trace : public ::testing::Test {
 protected:
  void SetUp() override { std::fill(memory.begin(), memory.end(), 0), end_ = kMemory; }

  u64 put(const void* data, size_t size) {
    const u64 at = end_;
    memcpy(memory.data() + (at - kMemory), data, size);
    end_ += (size + 15) & ~size_t{15};
    return at;
  }
  u64 put(const std::string& text) { return put(text.c_str(), text.size() + 1); }
  template <typename T> u64 put_all(const std::vector<T>& items) {
    return put(items.data(), items.size() * sizeof(T));
  }

  std::string line(u64 nr, std::vector<u64> arguments, i64 result, bool done = true) {
    Call call = {nr, {}};
    std::copy(arguments.begin(), arguments.end(), call.arg);
    char buffer[kLine];
    Text out(buffer, sizeof buffer);
    put_call(out, call, done, result);
    if (done) put_result(out, call, result);
    return buffer;
  }

 private:
  u64 end_ = kMemory;
};

constexpr u64 kCwd = static_cast<u64>(AT_FDCWD);

TEST_F(Trace, PathsFlagsAndModes) {
  const u64 path = put("/etc/passwd");
  EXPECT_EQ(line(__NR_openat, {kCwd, path, O_RDONLY | O_CLOEXEC, 0777}, 3),
            R"(openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3)");
  EXPECT_EQ(line(__NR_openat, {5, path, O_RDWR | O_CREAT | O_EXCL, 0640}, -17),
            R"(openat(5, "/etc/passwd", O_RDWR|O_CREAT|O_EXCL, 0640) = -1 EEXIST (File exists))");
  EXPECT_EQ(line(__NR_open, {path, O_WRONLY | 0x80000000u}, 4),
            R"(open("/etc/passwd", O_WRONLY|0x80000000) = 4)");
  EXPECT_EQ(line(__NR_access, {path, 0}, 0), R"(access("/etc/passwd", F_OK) = 0)");
  EXPECT_EQ(line(__NR_chmod, {path, 0}, 0), R"(chmod("/etc/passwd", 0) = 0)");
}

TEST_F(Trace, NothingThatATerminalObeysIsWritten) {
  std::string evil;
  for (int c = 1; c < 256; c++) evil.push_back(static_cast<char>(c));
  std::string shown = line(__NR_unlink, {put(evil)}, 0);
  for (char c : shown) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  EXPECT_EQ(line(__NR_unlink, {put("\x1b[2J\r\n\t\"\\1")}, 0), R"(unlink("\033[2J\r\n\t\"\\1") = 0)");
  EXPECT_EQ(line(__NR_unlink, {put("\xc3\xa4")}, 0), R"(unlink("\303\244") = 0)");
}

TEST_F(Trace, LongTextsAreCut) {
  EXPECT_EQ(line(__NR_chdir, {put(std::string(256, 'a'))}, 0),
            "chdir(\"" + std::string(256, 'a') + "\") = 0");
  EXPECT_EQ(line(__NR_chdir, {put(std::string(300, 'a'))}, 0),
            "chdir(\"" + std::string(256, 'a') + "\"...) = 0");
  const u64 text = put(std::string(100, 'x'));
  EXPECT_EQ(line(__NR_write, {1, text, 100}, 100),
            "write(1, \"" + std::string(32, 'x') + "\"..., 100) = 100");
}

TEST_F(Trace, BuffersShowWhatWasReadAndNoMore) {
  const u64 text = put("hello");
  EXPECT_EQ(line(__NR_read, {0, text, 4096}, 3), R"(read(0, "hel", 4096) = 3)");
  EXPECT_EQ(line(__NR_read, {0, text, 4096}, 0), R"(read(0, "", 4096) = 0)");
  EXPECT_EQ(line(__NR_read, {0, 0x100000, 4096}, -11),
            "read(0, 0x100000, 4096) = -1 EAGAIN (Resource temporarily unavailable)");
  // A result that exceeds the buffer (MSG_TRUNC) does not make the tracer read on.
  EXPECT_EQ(line(__NR_recvfrom, {3, text, 2, 0x20, 0, 0}, 5),
            R"(recvfrom(3, "he", 2, MSG_TRUNC, NULL, NULL) = 5)");
}

TEST_F(Trace, UnreadableMemoryIsAnAddress) {
  EXPECT_EQ(line(__NR_chdir, {0x7fff0000}, -14), "chdir(0x7fff0000) = -1 EFAULT (Bad address)");
  EXPECT_EQ(line(__NR_chdir, {0}, -14), "chdir(NULL) = -1 EFAULT (Bad address)");
  EXPECT_EQ(line(__NR_execve, {0x10, 0x20, 0x30}, 0, false), "execve(0x10, [0x20], 0x30 /* 0 strings */)");
}

TEST_F(Trace, StringsOfExec) {
  const u64 path = put("/bin/ls"), zero = put("ls"), one = put("-l");
  const u64 arguments = put_all<u64>({zero, one, 0}), environment = put_all<u64>({path, 0});
  char environment_text[32];
  snprintf(environment_text, sizeof environment_text, "%#lx", environment);
  EXPECT_EQ(line(__NR_execve, {path, arguments, environment}, 0, false),
            std::string(R"(execve("/bin/ls", ["ls", "-l"], )") + environment_text + " /* 1 string */)");
}

TEST_F(Trace, Vectors) {
  const u64 hello = put("hello");
  const u64 vector = put_all<u64>({hello, 5, 0x40, 3});
  EXPECT_EQ(line(__NR_writev, {1, vector, 2}, -14),
            R"(writev(1, [{"hello", 5}, {0x40, 3}], 2) = -1 EFAULT (Bad address))");
  EXPECT_EQ(line(__NR_readv, {1, vector, 1}, 0), "readv(1, [{0x100000, 5}], 1) = 0");
}

TEST_F(Trace, SocketAddresses) {
  const u8 inet[16] = {2, 0, 0x1f, 0x90, 127, 0, 0, 1};
  EXPECT_EQ(line(__NR_connect, {3, put(inet, 16), 16}, 0),
            "connect(3, {sa_family=AF_INET, port=8080, addr=127.0.0.1}, 16) = 0");
  u8 inet6[28] = {10, 0, 0, 80};
  inet6[8] = 0xfe, inet6[9] = 0x80, inet6[23] = 1;
  EXPECT_EQ(line(__NR_bind, {3, put(inet6, 28), 28}, 0),
            "bind(3, {sa_family=AF_INET6, port=80, addr=fe80:0:0:0:0:0:0:1}, 28) = 0");
  EXPECT_EQ(line(__NR_connect, {3, put("\1\0/run/x\0yz", 11), 11}, 0),
            R"(connect(3, {sa_family=AF_UNIX, sun_path="/run/x"}, 11) = 0)");
  const u8 abstract[] = {1, 0, 0, 'a', 0, 'b'};
  EXPECT_EQ(line(__NR_connect, {3, put(abstract, 6), 6}, 0),
            R"(connect(3, {sa_family=AF_UNIX, sun_path=@"a\000b"}, 6) = 0)");
  EXPECT_EQ(line(__NR_connect, {3, put(abstract, 2), 2}, 0), "connect(3, {sa_family=AF_UNIX}, 2) = 0");
  const u32 length = 16;
  EXPECT_EQ(line(__NR_accept, {3, put(inet, 16), put(&length, 4)}, 4),
            "accept(3, {sa_family=AF_INET, port=8080, addr=127.0.0.1}, [16]) = 4");
}

TEST_F(Trace, PairsMasksAndSignals) {
  EXPECT_EQ(line(__NR_pipe2, {put_all<i32>({3, 4}), O_CLOEXEC}, 0), "pipe2([3, 4], O_RDONLY|O_CLOEXEC) = 0");
  EXPECT_EQ(line(__NR_nanosleep, {put_all<i64>({1, 500000000}), 0}, 0),
            "nanosleep({1, 500000000}, NULL) = 0");
  const u64 mask = put_all<u64>({1 << 1 | 1 << 16});
  EXPECT_EQ(line(__NR_rt_sigprocmask, {0, mask, 0, 8}, 0),
            "rt_sigprocmask(SIG_BLOCK, [SIGINT SIGCHLD], NULL, 8) = 0");
  const u64 most = put_all<u64>({~u64{1 << 8}});
  EXPECT_EQ(line(__NR_rt_sigprocmask, {2, most, 0, 8}, 0),
            "rt_sigprocmask(SIG_SETMASK, ~[SIGKILL], NULL, 8) = 0");
  EXPECT_EQ(line(__NR_kill, {~u64{0}, 9}, -1), "kill(-1, SIGKILL) = -1 EPERM (Operation not permitted)");
}

TEST_F(Trace, Results) {
  EXPECT_EQ(line(__NR_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, ~u64{0}, 0}, 0x7f0000000000),
            "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = 0x7f0000000000");
  EXPECT_EQ(line(__NR_getpid, {}, 42), "getpid() = 42");
  EXPECT_EQ(line(__NR_getpid, {}, -4000), "getpid() = -1 error 4000");
  EXPECT_EQ(line(__NR_pause, {}, host::kRestart), "pause() = ? (interrupted; to be restarted)");
  EXPECT_EQ(line(500, {1, 2, 3, 4, 5, 6}, -38),
            "syscall_0x1f4(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)");
  EXPECT_EQ(line(0xffffffff00000027, {}, 1), "getpid() = 1") << "the low 32 bits are the number";
}

// However long the arguments, a line stays in its buffer.
TEST_F(Trace, LongestLines) {
  const u64 path = put(std::string(4000, '\x01'));
  const u64 pointers = put_all<u64>(std::vector<u64>(100, path));
  EXPECT_LT(line(__NR_execveat, {kCwd, path, pointers, pointers, 0}, 0).size(), kLine);
  EXPECT_LT(line(__NR_renameat2, {kCwd, path, kCwd, path, 0}, 0).size(), kLine);
}

}  // namespace
}  // namespace trace
}  // namespace barchan
