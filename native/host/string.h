// Purpose: the memory and string functions that the compiler expects and the monitor uses.
// Owner:   host. Not for guest memory: that is uaccess.h.
#ifndef BARCHAN_HOST_STRING_H
#define BARCHAN_HOST_STRING_H

#include "host/types.h"

extern "C" {
void* memcpy(void* to, const void* from, size_t size);
void* memmove(void* to, const void* from, size_t size);
void* memset(void* to, int byte, size_t size);
int memcmp(const void* a, const void* b, size_t size);
size_t strlen(const char* text);
int strcmp(const char* a, const char* b);
int strncmp(const char* a, const char* b, size_t size);
}

namespace barchan {

// Pre: `text` begins with `prefix`? Returns it.
inline bool starts_with(const char* text, const char* prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

// A bounded text builder over a caller's buffer: always NUL-terminated, silently truncating.
class Text {
 public:
  Text(char* buffer, size_t capacity) : data_(buffer), capacity_(capacity) { data_[0] = 0; }
  Text& put(char c);
  Text& str(const char* text);
  Text& bytes(const char* text, size_t size);
  Text& dec(i64 value);
  Text& udec(u64 value);
  Text& hex(u64 value);  // with 0x
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool full() const { return size_ + 1 >= capacity_; }

 private:
  char* data_;
  size_t capacity_;
  size_t size_ = 0;
};

// Decimal digits only; -1 when empty, not a number, or above 2^31-1.
i64 parse_decimal(const char* text);

}  // namespace barchan

#endif
