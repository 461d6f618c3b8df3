#include "monitor/syscalls/proc_maps.h"

#include <linux/mman.h>

#include "abi/layout.h"
#include "monitor/mm/mm.h"
#include "monitor/process.h"
#include "monitor/syscalls/proc_figures.h"
#include "monitor/syscalls/proc_lines.h"

namespace barchan::files {
namespace {

bool hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

u64 parse_hex(const char*& p) {
  u64 value = 0;
  for (; hex_digit(*p); p++) value = value << 4 | static_cast<u64>(*p <= '9' ? *p - '0' : *p - 'a' + 10);
  return value;
}

}  // namespace

bool parse_maps_line(const char* text, MapsLine& line) {
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

const char* MapsLine::name() const {
  const char* p = rest;
  for (int fields = 0; fields < 2; fields++) {
    if (*p == ' ') p++;
    while (*p && *p != ' ') p++;
  }
  while (*p == ' ') p++;
  return p;
}

namespace {

class Rewriter {
 public:
  // `room`: LineBuffers::kLine bytes.
  Rewriter(TextOut& out, MapsKind kind, const char* path, bool own, char* room)
      : out_(out), kind_(kind), path_(path), own_(own), room_(room) {
    if (own) mm::heap_range(heap_start_, heap_end_);
  }

  // One line without its newline, NUL-terminated.
  void line(const char* text) {
    MapsLine head;
    if (kind_ == MapsKind::kNumaMaps) {
      const char* p = text;
      if (in_arena(parse_hex(p))) out_.line(text);
      return;
    }
    if (!parse_maps_line(text, head)) {
      if (shown_) out_.line(text);  // a figure of smaps, about the mapping before
      return;
    }
    shown_ = in_arena(head.start) || head.start == kVsyscallPage;
    if (!shown_) return;
    if (!own_ && starts_with(head.name(), "[stack]")) {
      head.start = others_stack_start(path_, head);
      return put(head);
    }
    if (!own_ || head.start == kVsyscallPage) {
      finish();
      return out_.line(text);
    }
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
      MapsLine piece = head;
      piece.start = max(head.start, mapping.start);
      piece.end = min(head.end, mapping.end);
      if (has_file(head)) piece.offset += piece.start - head.start;
      set_perms(piece, mapping.prot);
      hold(piece, mapping.end);
      at = piece.end;
    }
  }

  // No more lines come.
  void finish() {
    if (holds_) put(held_);
    holds_ = false;
  }

 private:
  // The host may have one mapping of the guest's in pieces (of a page whose calls were patched, mm/sites.cc): they are put
  // together again. `end`: of the guest's mapping.
  void hold(const MapsLine& piece, u64 end) {
    if (holds_ && piece.start == held_.end && piece.start < held_mapping_end_ &&
        (!has_file(piece) || piece.offset == held_.offset + (held_.end - held_.start)) &&
        memcmp(piece.perms, held_.perms, sizeof piece.perms) == 0 && strcmp(piece.rest, held_.rest) == 0) {
      held_.end = piece.end;
      return;
    }
    finish();
    memcpy(room_, piece.rest, strlen(piece.rest) + 1);
    held_ = piece;
    held_.rest = room_;
    held_mapping_end_ = end;
    holds_ = true;
  }

  static bool in_arena(u64 address) { return address >= BARCHAN_ARENA_START && address < BARCHAN_ARENA_END; }
  static bool has_file(const MapsLine& line) { return !starts_with(line.rest, " 00:00 0"); }

  static void set_perms(MapsLine& line, int prot) {
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
  void put(const MapsLine& line) {
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

  const char* label(const MapsLine& line) const {
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
  const char* path_;
  bool own_;
  char* room_;
  MapsLine held_ = {};
  u64 held_mapping_end_ = 0;
  bool holds_ = false;
  size_t width_ = 0;
  bool shown_ = false;
  u64 heap_start_ = 0, heap_end_ = 0;
};

}  // namespace

i64 rewrite_maps(int from, int to, MapsKind kind, const char* path, bool own) {
  LineBuffers buffers;
  if (!buffers.get()) return -ENOMEM;
  TextOut out(to, buffers.out, LineBuffers::kOut);
  Rewriter rewriter(out, kind, path, own, buffers.held);
  i64 error = for_each_line(from, buffers, [&](const char* line) { rewriter.line(line); });
  if (error < 0) return error;
  rewriter.finish();
  return out.finish() ? 0 : -ENOMEM;
}

}  // namespace barchan::files
