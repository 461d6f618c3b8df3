#include "host/string.h"

// `rep movsb`/`rep stosb` are fast for all sizes that matter on every processor with VT-x and ERMS,
// and they keep the monitor free of libc. The loops below must not become calls to themselves:
// the build passes -fno-builtin -fno-tree-loop-distribute-patterns.
extern "C" {

void* memcpy(void* to, const void* from, size_t size) {
  void* d = to;
  asm volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(size) : : "memory");
  return to;
}

void* memmove(void* to, const void* from, size_t size) {
  auto* d = static_cast<unsigned char*>(to);
  const auto* s = static_cast<const unsigned char*>(from);
  if (d <= s || d >= s + size) return memcpy(to, from, size);
  while (size--) d[size] = s[size];
  return to;
}

void* memset(void* to, int byte, size_t size) {
  void* d = to;
  asm volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(byte) : "memory");
  return to;
}

int memcmp(const void* a, const void* b, size_t size) {
  const auto* x = static_cast<const unsigned char*>(a);
  const auto* y = static_cast<const unsigned char*>(b);
  for (size_t i = 0; i < size; i++)
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  return 0;
}

size_t strlen(const char* text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

int strcmp(const char* a, const char* b) {
  while (*a && *a == *b) a++, b++;
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

int strncmp(const char* a, const char* b, size_t size) {
  for (; size; a++, b++, size--) {
    if (*a != *b) return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
    if (!*a) return 0;
  }
  return 0;
}
}

namespace barchan {

Text& Text::put(char c) {
  if (!full()) {
    data_[size_++] = c;
    data_[size_] = 0;
  }
  return *this;
}

Text& Text::str(const char* text) {
  while (*text) put(*text++);
  return *this;
}

Text& Text::bytes(const char* text, size_t size) {
  for (size_t i = 0; i < size; i++) put(text[i]);
  return *this;
}

Text& Text::dec(i64 value) {
  if (value < 0) {
    put('-');
    return udec(0 - static_cast<u64>(value));
  }
  return udec(static_cast<u64>(value));
}

Text& Text::udec(u64 value) {
  char digits[20];
  int n = 0;
  do digits[n++] = static_cast<char>('0' + value % 10);
  while (value /= 10);
  while (n) put(digits[--n]);
  return *this;
}

Text& Text::hex(u64 value) {
  char digits[16];
  int n = 0;
  do digits[n++] = "0123456789abcdef"[value & 15];
  while (value >>= 4);
  str("0x");
  while (n) put(digits[--n]);
  return *this;
}

i64 parse_decimal(const char* text) {
  if (!*text) return -1;
  i64 value = 0;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return -1;
    value = value * 10 + (*text - '0');
    if (value > 0x7fffffff) return -1;
  }
  return value;
}

}  // namespace barchan
