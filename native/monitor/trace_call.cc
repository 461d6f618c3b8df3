// The text of a call, argument by argument as the table describes them.
#include <asm/unistd.h>

#include "host/uaccess.h"
#include "monitor/table.h"
#include "monitor/trace.h"
#include "monitor/trace_names.h"
#include "monitor/trace_values.h"

namespace barchan::trace {
namespace {

using table::Arg;
using table::Kind;
using table::Row;

constexpr i32 kAtFdCwd = -100;

bool ends_with(const char* text, const char* ending) {
  const size_t a = strlen(text), b = strlen(ending);
  return a >= b && strcmp(text + a - b, ending) == 0;
}

// The length or count that belongs to argument `arg`, in the width of its own kind.
u64 length_of(const Call& call, const Row& row, const Arg& arg) {
  const u64 value = call.arg[arg.link];
  switch (row.args[arg.link].kind) {
    case Kind::kInt: return static_cast<i32>(value) < 0 ? 0 : static_cast<u32>(value);
    case Kind::kUint: return static_cast<u32>(value);
    default: return value;
  }
}

// Structures of a size that has one shape only: descriptor pairs and single words; pairs of 64-bit numbers,
// as timespec, timeval, rlimit are.
void put_structure(Text& out, u64 address, u32 size, const char* name) {
  if (size == 4) return put_words(out, address, 1);
  if (size == 16) return put_longs(out, address, 2);
  if (size == 8 && (strcmp(name, "pipefd") == 0 || strcmp(name, "sv") == 0))
    return put_words(out, address, 2);
  if (size == 8 && starts_with(name, "off")) return put_longs(out, address, 1);
  put_address(out, address);
}

// `written`: the call succeeded, so that what it wrote may be shown.
void put_pointer(Text& out, const Call& call, const Row& row, unsigned i, bool written, i64 result) {
  const u64 address = call.arg[i];
  const Arg& arg = row.args[i];
  const char* name = table::argument_name(call.nr, i);
  if (address == 0) return put_address(out, 0);
  u64 size = 0;
  switch (arg.kind) {
    case Kind::kPath:
    case Kind::kStr: return put_string(out, address);
    case Kind::kStrv: return put_strings(out, address, shows_count_only(call, i));
    case Kind::kIn:
    case Kind::kInOut: return put_structure(out, address, arg.size, name);
    case Kind::kOut: return written ? put_structure(out, address, arg.size, name) : put_address(out, address);
    case Kind::kOutVlen:
      return is_socket_address(call, i, written, size) ? put_socket_address(out, address, size)
                                                       : put_address(out, address);
    case Kind::kInBuf:
      if (is_socket_address(call, i, written, size)) return put_socket_address(out, address, size);
      return put_bytes(out, address, length_of(call, row, arg));
    case Kind::kOutBuf:
      // The result of the calls that fill a buffer is how many bytes they wrote, or would have.
      if (!written) return put_address(out, address);
      return put_bytes(out, address, min<u64>(static_cast<u64>(result), length_of(call, row, arg)));
    case Kind::kInIovec: return put_vectors(out, address, length_of(call, row, arg), true);
    case Kind::kOutIovec: return put_vectors(out, address, length_of(call, row, arg), false);
    case Kind::kSigset: return put_mask(out, address);
    case Kind::kOutSigset: return written ? put_mask(out, address) : put_address(out, address);
    default: return put_address(out, address);
  }
}

void put_value(Text& out, const Call& call, const Row& row, unsigned i, bool written, i64 result) {
  const u64 value = call.arg[i];
  const Arg& arg = row.args[i];
  switch (arg.kind) {
    case Kind::kInt:
    case Kind::kPid:
    case Kind::kFd:
    case Kind::kFdOrNone: out.dec(static_cast<i32>(value)); return;
    case Kind::kUint: out.udec(static_cast<u32>(value)); return;
    case Kind::kLong: out.dec(static_cast<i64>(value)); return;
    case Kind::kUlong: out.udec(value); return;
    case Kind::kHex: out.hex(value); return;
    case Kind::kAddr: put_address(out, value); return;
    case Kind::kMode: put_octal(out, static_cast<u32>(value)); return;
    case Kind::kSignal: put_enum(out, Set::SIGNAL, static_cast<u32>(value)); return;
    case Kind::kFlags: put_flags(out, static_cast<Set>(arg.size), value); return;
    case Kind::kEnum: put_enum(out, static_cast<Set>(arg.size), static_cast<u32>(value)); return;
    case Kind::kId:
      // -1 means "as it is"; else ids are unsigned.
      if (static_cast<i32>(value) == -1) {
        out.str("-1");
      } else {
        out.udec(static_cast<u32>(value));
      }
      return;
    case Kind::kDirFd:
      if (static_cast<i32>(value) == kAtFdCwd) {
        out.str("AT_FDCWD");
      } else {
        out.dec(static_cast<i32>(value));
      }
      return;
    default: put_pointer(out, call, row, i, written, result);
  }
}

// O_CREAT, or the whole of O_TMPFILE: else open's mode is whatever the register holds.
bool mode_counts(u64 flags) { return flags & 0100 || (flags & 020200000) == 020200000; }

}  // namespace

bool gives_address(const Call& call) {
  switch (static_cast<u32>(call.nr)) {
    case __NR_mmap:
    case __NR_mremap:
    case __NR_brk:
    case __NR_shmat: return true;
    default: return false;
  }
}

unsigned used_arguments(const Call& call) {
  const Row* row = table::row(call.nr);
  switch (static_cast<u32>(call.nr)) {
    case __NR_open: return mode_counts(call.arg[1]) ? 3 : 2;
    case __NR_openat: return mode_counts(call.arg[2]) ? 4 : 3;
    case __NR_mq_open: return mode_counts(call.arg[1]) ? 4 : 2;
    default: return row ? row->count : 0;
  }
}

bool shows_count_only(const Call& call, unsigned i) {
  return strcmp(table::argument_name(call.nr, i), "envp") == 0;
}

bool is_socket_address(const Call& call, unsigned i, bool written, u64& size) {
  const Row& row = *table::row(call.nr);
  const Arg& arg = row.args[i];
  if (!ends_with(table::argument_name(call.nr, i), "addr")) return false;
  if (arg.kind == Kind::kInBuf) {
    size = length_of(call, row, arg);
    return true;
  }
  u32 length = 0;
  if (arg.kind != Kind::kOutVlen || !written || read_guest(length, call.arg[arg.link]) != 0) return false;
  size = length;
  return true;
}

void put_argument(Text& out, const Call& call, unsigned i, bool done, i64 result) {
  put_value(out, call, *table::row(call.nr), i, done && !host::is_error(result), result);
}

void put_call(Text& out, const Call& call, bool done, i64 result) {
  const Row* row = table::row(call.nr);
  if (!row) {
    out.str("syscall_").hex(static_cast<u32>(call.nr)).put('(');
    for (unsigned i = 0; i < 6; i++) {
      if (i) out.str(", ");
      out.hex(call.arg[i]);
    }
    out.put(')');
    return;
  }
  const unsigned used = used_arguments(call);
  out.str(table::call_name(call.nr)).put('(');
  for (unsigned i = 0; i < used; i++) {
    if (i) out.str(", ");
    put_argument(out, call, i, done, result);
  }
  out.put(')');
}

void put_result(Text& out, const Call& call, i64 result) {
  out.str(" = ");
  if (result == host::kRestart) {
    out.str("? (interrupted; to be restarted)");
  } else if (host::is_error(result)) {
    const u32 error = static_cast<u32>(-result);
    const char* name = error_name(error);
    if (name) {
      out.str("-1 ").str(name).str(" (").str(error_text(error)).put(')');
    } else {
      out.str("-1 error ").udec(error);
    }
  } else if (gives_address(call)) {
    out.hex(static_cast<u64>(result));
  } else {
    out.dec(result);
  }
}

}  // namespace barchan::trace
