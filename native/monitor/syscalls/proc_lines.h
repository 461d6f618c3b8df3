// Purpose: reading a text file of procfs by lines and writing its guest version.
// Owner:   monitor/syscalls. Threads: an object belongs to one call. Trust: the text is the kernel's; names in it are
//          GUEST bytes.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_LINES_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_LINES_H

#include "host/string.h"
#include "monitor/scratch.h"

namespace barchan::files {

// Buffered output. An error sticks and shows in finish().
class TextOut {
 public:
  TextOut(int to, char* buffer, size_t capacity) : to_(to), buffer_(buffer), capacity_(capacity) {}
  void put(char c) {
    if (used_ == capacity_) flush();
    buffer_[used_++] = c;
  }
  void text(const char* p) {
    while (*p) put(*p++);
  }
  void line(const char* p) {
    text(p);
    put('\n');
  }
  // Right-justified.
  void number(u64 value, size_t width = 0) {
    char digits[24];
    const Text text_of_it = Text(digits, sizeof digits).udec(value);
    for (size_t n = text_of_it.size(); n < width; n++) put(' ');
    text(digits);
  }
  // True when all of it was written.
  bool finish() {
    flush();
    return good_;
  }

 private:
  void flush();

  int to_;
  char* buffer_;
  size_t capacity_, used_ = 0;
  bool good_ = true;
};

// Memory for one pass over a file: too much for a monitor stack.
struct LineBuffers {
  static constexpr size_t kRead = 16384;
  static constexpr size_t kLine =
      20480;  // a path of 4095 bytes, each escaped as \ooo, and the rest of a line
  static constexpr size_t kOut = 16384;
  Scratch<16> memory;
  char* read = nullptr;
  char* line = nullptr;
  char* out = nullptr;
  char* held = nullptr;  // room for another line

  bool get() {
    read = static_cast<char*>(memory.get(kRead + kLine + kOut + kLine));
    line = read + kRead;
    out = line + kLine;
    held = out + kOut;
    return read != nullptr;
  }
};

// Calls `each(line)` for every line of `from`, NUL-terminated without its newline. 0 or -errno.
template <typename Each> i64 for_each_line(int from, LineBuffers& buffers, Each each) {
  size_t length = 0;
  for (;;) {
    i64 n = host::call(__NR_read, from, buffers.read, LineBuffers::kRead);
    if (n < 0) return n;
    if (n == 0) return 0;
    for (i64 i = 0; i < n; i++) {
      if (buffers.read[i] != '\n') {
        if (length + 1 < LineBuffers::kLine) buffers.line[length++] = buffers.read[i];
        continue;
      }
      buffers.line[length] = 0;
      each(static_cast<const char*>(buffers.line));
      length = 0;
    }
  }
}

}  // namespace barchan::files

#endif
