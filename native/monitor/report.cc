#include "monitor/report.h"

#include "abi/start.h"
#include "host/string.h"
#include "host/syscall.h"

namespace barchan {
namespace {

constexpr size_t kLineMax = 4096;
constexpr size_t kValueMax = 2048;  // of one string, escapes included
constexpr int kSigPipe = 13;

int report_fd = 2;

// Length of the well-formed UTF-8 sequence at `s` (RFC 3629), or 0.
size_t utf8_length(const unsigned char* s) {
  auto tail = [](unsigned char c) { return (c & 0xc0) == 0x80; };
  if (s[0] >= 0xc2 && s[0] <= 0xdf && tail(s[1])) return 2;
  if ((s[0] & 0xf0) == 0xe0 && tail(s[1]) && tail(s[2])) {
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;   // overlong
    if (s[0] == 0xed && s[1] >= 0xa0) return 0;  // surrogate
    return 3;
  }
  if (s[0] >= 0xf0 && s[0] <= 0xf4 && tail(s[1]) && tail(s[2]) && tail(s[3])) {
    if (s[0] == 0xf0 && s[1] < 0x90) return 0;
    if (s[0] == 0xf4 && s[1] >= 0x90) return 0;
    return 4;
  }
  return 0;
}

// A JSON string. Bytes that are no UTF-8 become U+FFFD; a very long value ends in "...".
void put_json(Text& out, const char* value) {
  static constexpr char kHex[] = "0123456789abcdef";
  size_t start = out.size();
  out.put('"');
  for (const unsigned char* s = reinterpret_cast<const unsigned char*>(value); *s != 0;) {
    if (out.size() - start > kValueMax) {
      out.str("...");
      break;
    }
    if (*s == '"' || *s == '\\') {
      out.put('\\').put(static_cast<char>(*s++));
    } else if (*s < 0x20 || *s == 0x7f) {
      out.str("\\u00").put(kHex[*s >> 4]).put(kHex[*s & 15]);
      s++;
    } else if (*s < 0x80) {
      out.put(static_cast<char>(*s++));
    } else if (size_t n = utf8_length(s)) {
      out.bytes(reinterpret_cast<const char*>(s), n);
      s += n;
    } else {
      out.str("\\ufffd");
      s++;
    }
  }
  out.put('"');
}

[[noreturn]] void leave(int status) {
  for (;;) host::call(__NR_exit_group, status);
}

// A closed reader must not turn the exit status into SIGPIPE's; the process is ending, so its own
// disposition of that signal no longer matters.
void write_line(const Text& line) {
  u64 ignore[4] = {1 /* SIG_IGN */, 0, 0, 0};
  host::call(__NR_rt_sigaction, kSigPipe, ignore, nullptr, 8);
  const char* from = line.data();
  size_t left = line.size();
  while (left != 0) {
    i64 n = host::call(__NR_write, report_fd, from, left);
    if (n == -EINTR) continue;
    if (n <= 0) return;
    from += n;
    left -= static_cast<size_t>(n);
  }
}

}  // namespace

void report_to(int fd) { report_fd = fd; }

void fail_start(const char* code, i64 error, const char* what, const char* path, int status) {
  char buffer[2 * kLineMax];
  Text line(buffer, sizeof buffer);
  line.str("{\"code\":");
  put_json(line, code);
  line.str(",\"errno\":").dec(error).str(",\"what\":");
  put_json(line, what);
  if (path != nullptr) {
    line.str(",\"path\":");
    put_json(line, path);
  }
  line.str("}\n");
  write_line(line);
  leave(status);
}

void fail_kvm(i64 error, const char* what) {
  const bool scarce =
      error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC;
  fail_start(scarce ? "ERR_SYSTEM" : "ERR_KVM_UNSUPPORTED", error, what, "/dev/kvm", abi::kExitStartFailed);
}

void report_death(int signo) {
  char buffer[64];
  write_line(Text(buffer, sizeof buffer).str("{\"died\":").dec(signo).str("}\n"));
}

void monitor_crash(const char* what, u64 a, u64 b) {
  char buffer[kLineMax];
  Text line(buffer, sizeof buffer);
  line.str("{\"code\":\"ERR_MONITOR_CRASH\",\"errno\":0,\"what\":");
  put_json(line, what);
  line.str(",\"a\":\"").hex(a).str("\",\"b\":\"").hex(b).str("\"}\n");
  write_line(line);
  leave(abi::kExitStartFailed);
}

}  // namespace barchan
