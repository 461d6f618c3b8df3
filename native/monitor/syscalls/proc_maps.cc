#include "monitor/syscalls/proc_maps.h"

#include <linux/mman.h>

#include "abi/layout.h"
#include "monitor/mm/mm.h"
#include "monitor/process.h"
#include "monitor/syscalls/proc_lines.h"

namespace barchan::files {
namespace {

bool hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

u64 parse_hex(const char*& p) {
  u64 value = 0;
  for (; hex_digit(*p); p++) value = value << 4 | static_cast<u64>(*p <= '9' ? *p - '0' : *p - 'a' + 10);
  return value;
}

// The head of one mapping as the kernel prints it: "start-end perms offset dev inode   name".
struct Line {
  u64 start, end, offset;
  char perms[4];
  const char* rest;  // from " dev" on
};

bool parse_line(const char* text, Line& line) {
  if (!hex_digit(*text)) return false;
  line.start = parse_hex(text);
  if (*text++ != '-') return false;
  line.end = parse_hex(text);
  if (*text++ != ' ') return false;
  for (char& c : line.perms) {
    if (*text == 0) return false;
    c = *text++;
  }
  if (*text++ != ' ') return false;
  line.offset = parse_hex(text);
  line.rest = text;
  return *text == ' ';
}

class Rewriter {
 public:
  Rewriter(TextOut& out, MapsKind kind, bool own) : out_(out), kind_(kind), own_(own) {
    if (own) mm::heap_range(heap_start_, heap_end_);
  }

  // One line without its newline, NUL-terminated.
  void line(const char* text) {
    Line head;
    if (kind_ == MapsKind::kNumaMaps) {
      const char* p = text;
      if (in_arena(parse_hex(p))) out_.line(text);
      return;
    }
    if (!parse_line(text, head)) {
      if (shown_) out_.line(text);  // a figure of smaps, about the mapping before
      return;
    }
    shown_ = in_arena(head.start);
    if (!shown_) return;
    if (!own_) return out_.line(text);
    mm::Mapping mapping;
    if (kind_ == MapsKind::kSmaps) {
      // One block for the host's mapping, whose figures cannot be divided.
      shown_ = mm::next_mapping(head.start, mapping) && mapping.start < head.end;
      if (!shown_) return;
      // Room below the stack is no mapping of the guest's.
      if (head.end == mapping.end) head.start = max(head.start, mapping.start);
      set_perms(head, mapping.prot);
      return put(head);
    }
    for (u64 at = head.start; at < head.end && mm::next_mapping(at, mapping) && mapping.start < head.end;) {
      Line piece = head;
      piece.start = max(head.start, mapping.start);
      piece.end = min(head.end, mapping.end);
      if (has_file(head)) piece.offset += piece.start - head.start;
      set_perms(piece, mapping.prot);
      put(piece);
      at = piece.end;
    }
  }

 private:
  static bool in_arena(u64 address) { return address >= BARCHAN_ARENA_START && address < BARCHAN_ARENA_END; }
  static bool has_file(const Line& line) { return !starts_with(line.rest, " 00:00 0"); }

  static void set_perms(Line& line, int prot) {
    line.perms[0] = prot & PROT_READ ? 'r' : '-';
    line.perms[1] = prot & PROT_WRITE ? 'w' : '-';
    line.perms[2] = prot & PROT_EXEC ? 'x' : '-';
  }

  void hex(u64 value) {
    char digits[16];
    int n = 0;
    do {
      digits[n++] = "0123456789abcdef"[value & 15];
      value >>= 4;
    } while (value != 0 || n < 8);
    while (n > 0) put(digits[--n]);
  }

  // "start-end perms offset dev inode", then spaces up to the column of the name (fs/proc/task_mmu.c).
  void put(const Line& line) {
    constexpr size_t kNameColumn = 73;
    width_ = 0;
    hex(line.start);
    put('-');
    hex(line.end);
    put(' ');
    for (char c : line.perms) put(c);
    put(' ');
    hex(line.offset);
    const char* p = line.rest;
    for (int fields = 0; fields < 2; fields++) {
      if (*p == ' ') put(*p++);
      while (*p && *p != ' ') put(*p++);
    }
    put(' ');
    while (*p == ' ') p++;
    if (*p == 0) p = label(line);
    if (*p != 0) {
      while (width_ < kNameColumn) put(' ');
    }
    text(p);
    put('\n');
  }

  const char* label(const Line& line) const {
    if (has_file(line)) return "";
    if (line.start < heap_end_ && line.end > heap_start_) return "[heap]";
    if (line.start < program.stack_top && line.end >= program.stack_top) return "[stack]";
    return "";
  }

  void text(const char* p) {
    while (*p) put(*p++);
  }
  void put(char c) {
    out_.put(c);
    width_++;
  }

  TextOut& out_;
  MapsKind kind_;
  bool own_;
  size_t width_ = 0;
  bool shown_ = false;
  u64 heap_start_ = 0, heap_end_ = 0;
};

}  // namespace

i64 rewrite_maps(int from, int to, MapsKind kind, bool own) {
  LineBuffers buffers;
  if (!buffers.get()) return -ENOMEM;
  TextOut out(to, buffers.out, LineBuffers::kOut);
  Rewriter rewriter(out, kind, own);
  i64 error = for_each_line(from, buffers, [&](const char* line) { rewriter.line(line); });
  if (error < 0) return error;
  return out.finish() ? 0 : -ENOMEM;
}

}  // namespace barchan::files
