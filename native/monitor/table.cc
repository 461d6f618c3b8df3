// Builds the constants of table.h from syscalls.def; mistakes in the file are compile errors here.
#include "monitor/table.h"

#include <asm/errno.h>

#include "monitor/trace_names.h"

namespace barchan::table {

// Never defined: reached at compile time only, in a row that is wrong; the call itself is the error message.
void row_is_wrong();

namespace {

struct Spec {
  Kind kind;
  const char* name;
  const char* link = nullptr;
  u32 size = 0;
  bool optional = false;
  bool cut = false;
};

constexpr bool same(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

template <size_t n> struct Specs { Spec items[n ? n : 1]; };
template <typename... S> consteval Specs<sizeof...(S)> specs(S... s) { return {{s...}}; }

template <size_t n> consteval Row make_row(Class cls, u8 flags, int error, Specs<n> specs) {
  static_assert(n <= 6);
  Row row;
  row.cls = cls;
  row.flags = flags;
  row.count = n;
  row.error = static_cast<i16>(-error);
  for (size_t i = 0; i < n; ++i) {
    const Spec& s = specs.items[i];
    Arg& arg = row.args[i];
    arg.kind = s.kind;
    arg.optional = s.optional;
    arg.cut = s.cut;
    arg.size = static_cast<u16>(s.size);
    if (arg.size != s.size) row_is_wrong();
    // Denied calls reach nothing: their arguments are for the tracer only.
    if (needs_check(s.kind) && cls != Class::kDeny) row.checks |= 1 << i;
    if (!s.link) continue;
    size_t link = 0;
    while (link < n && !same(specs.items[link].name, s.link)) ++link;
    if (link == n || link == i) row_is_wrong();
    Kind kind = specs.items[link].kind;
    const bool number = kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kUlong;
    if (has_length(s.kind) ? !number : kind != Kind::kInOut) row_is_wrong();
    arg.link = link;
  }
  return row;
}

// clang-format off
#define ARGS(...) specs(__VA_ARGS__)
#define VALUE(kind, n) Spec{Kind::kind, #n}
#define INT(n) VALUE(kInt, n)
#define UINT(n) VALUE(kUint, n)
#define LONG(n) VALUE(kLong, n)
#define ULONG(n) VALUE(kUlong, n)
#define SIZE(n) VALUE(kUlong, n)
#define HEX(n) VALUE(kHex, n)
#define ADDR(n) VALUE(kAddr, n)
#define PID(n) VALUE(kPid, n)
#define ID(n) VALUE(kId, n)
#define MODE(n) VALUE(kMode, n)
#define SIGNAL(n) VALUE(kSignal, n)
#define FLAGS(n, set) Spec{Kind::kFlags, #n, nullptr, static_cast<u32>(trace::Set::set)}
#define ENUM(n, set) Spec{Kind::kEnum, #n, nullptr, static_cast<u32>(trace::Set::set)}
#define FD(n) VALUE(kFd, n)
#define DIRFD(n) VALUE(kDirFd, n)
#define FD_OR_NONE(n) VALUE(kFdOrNone, n)
#define POINTER(kind, n, link, size, optional) Spec{Kind::kind, #n, link, size, optional}
#define PATH(n) POINTER(kPath, n, nullptr, 0, false)
#define PATH_OPT(n) POINTER(kPath, n, nullptr, 0, true)
#define STR(n) POINTER(kStr, n, nullptr, 0, false)
#define STR_OPT(n) POINTER(kStr, n, nullptr, 0, true)
#define STRV(n) POINTER(kStrv, n, nullptr, 0, true)
#define IN(n, size) POINTER(kIn, n, nullptr, size, false)
#define OUT(n, size) POINTER(kOut, n, nullptr, size, false)
#define INOUT(n, size) POINTER(kInOut, n, nullptr, size, false)
#define IN_OPT(n, size) POINTER(kIn, n, nullptr, size, true)
#define OUT_OPT(n, size) POINTER(kOut, n, nullptr, size, true)
#define INOUT_OPT(n, size) POINTER(kInOut, n, nullptr, size, true)
#define OUT_VLEN(n, pointer) POINTER(kOutVlen, n, #pointer, 1, false)
#define OUT_VLEN_OPT(n, pointer) POINTER(kOutVlen, n, #pointer, 1, true)
#define IN_BUF(n, length) POINTER(kInBuf, n, #length, 1, false)
#define IN_BUF_OPT(n, length) POINTER(kInBuf, n, #length, 1, true)
#define OUT_BUF(n, length) POINTER(kOutBuf, n, #length, 1, false)
#define OUT_BUF_OPT(n, length) POINTER(kOutBuf, n, #length, 1, true)
#define INOUT_BUF(n, length) POINTER(kInOutBuf, n, #length, 1, false)
#define IN_DATA(n, length) Spec{Kind::kInBuf, #n, #length, 1, false, true}
#define OUT_DATA(n, length) Spec{Kind::kOutBuf, #n, #length, 1, false, true}
#define IN_MSG(n, length) POINTER(kInMsg, n, #length, 1, false)
#define OUT_MSG(n, length) POINTER(kOutMsg, n, #length, 1, false)
#define IN_ARRAY(n, size, count) POINTER(kInArray, n, #count, size, false)
#define OUT_ARRAY(n, size, count) POINTER(kOutArray, n, #count, size, false)
#define INOUT_ARRAY(n, size, count) POINTER(kInOutArray, n, #count, size, false)
#define IN_IOVEC(n, count) POINTER(kInIovec, n, #count, 16, false)
#define OUT_IOVEC(n, count) POINTER(kOutIovec, n, #count, 16, false)
#define SIGSET(n, length) POINTER(kSigset, n, #length, 1, false)
#define SIGSET_OPT(n, length) POINTER(kSigset, n, #length, 1, true)
#define OUT_SIGSET(n, length) POINTER(kOutSigset, n, #length, 1, false)
#define OUT_SIGSET_OPT(n, length) POINTER(kOutSigset, n, #length, 1, true)
#define RANGE(n, length) POINTER(kRange, n, #length, 1, true)
#define OUT_PAGES(n, length) POINTER(kOutPages, n, #length, 1, false)
// clang-format on

constexpr u8 NONE = 0, NEWFD = kNewFd, FDLOCK = kFdLock;

consteval Rows make_table() {
  Rows t{};
  int last = -1;
  auto add = [&](int nr, Row row) {
    if (nr <= last || nr >= static_cast<int>(kRows)) row_is_wrong();
    last = nr;
    t.of[nr] = row;
  };
#define PASS(nr, name, family, flags, args, status, note) add(nr, make_row(Class::kPass, flags, 0, args));
#define INGUEST(nr, name, family, flags, args, status, note) add(nr, make_row(Class::kPass, flags, 0, args));
#define REWRITE(nr, name, family, to, args, status, note) add(nr, make_row(Class::kRewrite, 0, 0, args));
#define CANON(nr, name, family, flags, args, status, note) add(nr, make_row(Class::kHandler, flags, 0, args));
#define EMULATE(nr, name, family, flags, args, status, note) \
  add(nr, make_row(Class::kHandler, flags, 0, args));
#define DENY(nr, name, family, error, args, note) add(nr, make_row(Class::kDeny, 0, error, args));
#include "monitor/syscalls.def"
  return t;
}

// A call's name and its arguments' names, each NUL-terminated, one after the other.
struct Label {
  char text[72] = {};
  size_t size = 0;
};
struct LooseLabels {
  Label of[kRows];
};

template <size_t n> consteval Label make_label(const char* name, Specs<n> specs) {
  Label label;
  size_t& used = label.size;
  auto put = [&](const char* text) {
    do {
      if (used == sizeof label.text - 1) row_is_wrong();
      label.text[used++] = *text;
    } while (*text++);
  };
  put(name);
  for (size_t i = 0; i < n; ++i) put(specs.items[i].name);
  return label;
}

consteval LooseLabels make_labels() {
  LooseLabels t{};
#define PASS(nr, name, family, flags, args, status, note) t.of[nr] = make_label(#name, args);
#define INGUEST(nr, name, family, flags, args, status, note) t.of[nr] = make_label(#name, args);
#define REWRITE(nr, name, family, to, args, status, note) t.of[nr] = make_label(#name, args);
#define CANON(nr, name, family, flags, args, status, note) t.of[nr] = make_label(#name, args);
#define EMULATE(nr, name, family, flags, args, status, note) t.of[nr] = make_label(#name, args);
#define DENY(nr, name, family, error, args, note) t.of[nr] = make_label(#name, args);
#include "monitor/syscalls.def"
  return t;
}

consteval size_t labels_size() {
  size_t size = 1;
  for (const Label& label : make_labels().of) size += label.size;
  return size;
}

// One behind the other, as most are short.
struct Labels {
  u16 at[kRows];
  char text[labels_size()];
};

consteval Labels pack_labels() {
  const LooseLabels loose = make_labels();
  Labels packed{};
  size_t used = 1;  // 0: a hole in the numbers
  for (size_t nr = 0; nr < kRows; nr++) {
    const Label& label = loose.of[nr];
    if (label.size != 0) packed.at[nr] = static_cast<u16>(used);
    for (size_t i = 0; i < label.size; i++) packed.text[used++] = label.text[i];
  }
  return packed;
}

constexpr Labels kLabels = pack_labels();
static_assert(sizeof kLabels.text <= 0xffff);

}  // namespace

constexpr Rows kTable = make_table();

const char* call_name(u64 nr) { return row(nr) ? kLabels.text + kLabels.at[static_cast<u32>(nr)] : ""; }

const char* argument_name(u64 nr, unsigned index) {
  const Row* r = row(nr);
  if (!r || index >= r->count) return "";
  const char* text = call_name(nr);
  for (unsigned i = 0; i <= index; ++i) {
    while (*text) ++text;
    ++text;
  }
  return text;
}

}  // namespace barchan::table
