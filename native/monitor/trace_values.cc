#include "monitor/trace_values.h"

#include <asm/errno.h>

#include "host/uaccess.h"
#include "monitor/process.h"
#include "monitor/trace.h"
#include "monitor/trace_names.h"

namespace barchan::trace {
namespace {

constexpr u64 kStringsShown = 16, kVectorsShown = 8;

// Bytes that could act on a terminal, end the line or the quotes never reach the output as they are.
void put_escaped(Text& out, u8 c) {
  switch (c) {
    case '\n': out.str("\\n"); return;
    case '\t': out.str("\\t"); return;
    case '\r': out.str("\\r"); return;
    case '"':
    case '\\': out.put('\\').put(static_cast<char>(c)); return;
  }
  if (c >= 0x20 && c < 0x7f) {
    out.put(static_cast<char>(c));
    return;
  }
  // Always three octal digits, so that a digit that follows is not taken for a part.
  out.put('\\');
  for (int shift = 6; shift >= 0; shift -= 3) out.put(static_cast<char>('0' + (c >> shift & 7)));
}

void put_quoted(Text& out, const u8* bytes, size_t size) {
  out.put('"');
  for (size_t i = 0; i < size; i++) put_escaped(out, bytes[i]);
  out.put('"');
}

// sockaddr families and layouts: man 7 unix, ip, ipv6.
constexpr u16 kUnix = 1, kInet = 2, kInet6 = 10;

u32 big_endian_16(const u8* bytes) { return u32{bytes[0]} << 8 | bytes[1]; }

void put_unix(Text& out, const u8* path, u64 size) {
  if (size == 0) return;
  out.str(", sun_path=");
  if (path[0] == 0) {
    // An abstract name: all of its bytes count.
    out.put('@');
    path++;
    size--;
  } else {
    u64 end = 0;
    while (end < size && path[end] != 0) end++;
    size = end;
  }
  put_quoted(out, path, size);
}

}  // namespace

void put_address(Text& out, u64 address) {
  if (address) {
    out.hex(address);
  } else {
    out.str("NULL");
  }
}

void put_octal(Text& out, u32 value) {
  char digits[12];
  int n = 0;
  for (; value != 0; value >>= 3) digits[n++] = static_cast<char>('0' + (value & 7));
  out.put('0');
  while (n) out.put(digits[--n]);
}

void put_string(Text& out, u64 address) {
  char text[kPathShown + 1];
  const i64 length = string_from_guest(text, address, sizeof text);
  if (length == -EFAULT) return put_address(out, address);
  put_quoted(out, reinterpret_cast<const u8*>(text), length < 0 ? kPathShown : static_cast<size_t>(length));
  if (length < 0) out.str("...");
}

void put_bytes(Text& out, u64 address, u64 size) {
  u8 bytes[kBufferShown] = {};
  const size_t shown = min<u64>(size, sizeof bytes);
  if (shown != 0 && copy_from_guest(bytes, address, shown) < 0) return put_address(out, address);
  put_quoted(out, bytes, shown);
  if (size > shown) out.str("...");
}

void put_strings(Text& out, u64 address, bool count_only) {
  if (!address) return put_address(out, 0);
  u64 i = 0;
  if (!count_only) out.put('[');
  for (;; i++) {
    u64 string;
    if (read_guest(string, address + i * sizeof string) < 0) {
      if (!count_only) put_address(out, address + i * sizeof string);
      break;
    }
    if (!string) break;
    if (count_only) {
      if (i == 100000) break;
      continue;
    }
    if (i) out.str(", ");
    if (i == kStringsShown) {
      out.str("...");
      break;
    }
    put_string(out, string);
  }
  if (count_only) {
    out.hex(address).str(" /* ").udec(i).str(i == 1 ? " string */" : " strings */");
  } else {
    out.put(']');
  }
}

void put_vectors(Text& out, u64 address, u64 count, bool contents) {
  struct {
    u64 base, size;
  } vector;
  out.put('[');
  for (u64 i = 0; i < count; i++) {
    if (i) out.str(", ");
    if (i == kVectorsShown) {
      out.str("...");
      break;
    }
    if (read_guest(vector, address + i * sizeof vector) < 0) {
      put_address(out, address + i * sizeof vector);
      break;
    }
    out.put('{');
    if (contents) {
      put_bytes(out, vector.base, vector.size);
    } else {
      put_address(out, vector.base);
    }
    out.str(", ").udec(vector.size).put('}');
  }
  out.put(']');
}

void put_mask(Text& out, u64 address) {
  u64 mask;
  if (read_guest(mask, address) < 0) return put_address(out, address);
  int count = 0;
  for (u64 left = mask; left != 0; left &= left - 1) count++;
  if (count > kSignals / 2) {
    out.put('~');
    mask = ~mask;
  }
  out.put('[');
  bool first = true;
  for (u32 signo = 1; signo <= kSignals; signo++) {
    if (!(mask >> (signo - 1) & 1)) continue;
    if (!first) out.put(' ');
    first = false;
    put_enum(out, Set::SIGNAL, signo);
  }
  out.put(']');
}

void put_socket_address(Text& out, u64 address, u64 size) {
  u8 bytes[128] = {};  // struct sockaddr_storage
  size = min<u64>(size, sizeof bytes);
  if (address == 0 || size < sizeof(u16) || copy_from_guest(bytes, address, size) < 0)
    return put_address(out, address);
  const u16 family = static_cast<u16>(bytes[0] | bytes[1] << 8);
  out.str("{sa_family=");
  put_enum(out, Set::AF, family);
  if (family == kUnix) {
    put_unix(out, bytes + 2, size - 2);
  } else if (family == kInet && size >= 8) {
    out.str(", port=").udec(big_endian_16(bytes + 2)).str(", addr=");
    for (int i = 0; i < 4; i++) {
      if (i) out.put('.');
      out.udec(bytes[4 + i]);
    }
  } else if (family == kInet6 && size >= 24) {
    out.str(", port=").udec(big_endian_16(bytes + 2)).str(", addr=");
    for (int i = 0; i < 8; i++) {
      if (i) out.put(':');
      char digits[24];
      Text group(digits, sizeof digits);
      group.hex(big_endian_16(bytes + 8 + 2 * i));
      out.str(digits + 2);
    }
  } else {
    out.str(", ");
    put_quoted(out, bytes + 2, min<size_t>(size - 2, kBufferShown));
  }
  out.put('}');
}

void put_words(Text& out, u64 address, unsigned count) {
  i32 word;
  if (read_guest(word, address) < 0) return put_address(out, address);
  out.put('[');
  for (unsigned i = 0; i < count && read_guest(word, address + i * sizeof word) == 0; i++) {
    if (i) out.str(", ");
    out.dec(word);
  }
  out.put(']');
}

void put_longs(Text& out, u64 address, unsigned count) {
  i64 word;
  if (read_guest(word, address) < 0) return put_address(out, address);
  out.put('{');
  for (unsigned i = 0; i < count && read_guest(word, address + i * sizeof word) == 0; i++) {
    if (i) out.str(", ");
    out.dec(word);
  }
  out.put('}');
}

}  // namespace barchan::trace
