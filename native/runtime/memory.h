// Purpose: memory of the container runtime's front: handed out once, given back all together.
// Owner:   runtime. Threads: one. Trust: sizes come from what was read, which is bounded (kFileMax).
#ifndef BARCHAN_RUNTIME_MEMORY_H
#define BARCHAN_RUNTIME_MEMORY_H

#include "host/string.h"
#include "host/types.h"

namespace barchan::runtime {

// Bytes that somebody else keeps; not terminated.
struct Slice {
  const char* data = nullptr;
  size_t size = 0;

  constexpr Slice() = default;
  constexpr Slice(const char* d, size_t n) : data(d), size(n) {}
  Slice(const char* text) : data(text), size(strlen(text)) {}

  bool operator==(const Slice& other) const {
    return size == other.size && memcmp(data, other.data, size) == 0;
  }
  bool is_empty() const { return size == 0; }
  Slice from(size_t start) const { return {data + start, size - start}; }
};

bool begins_with(Slice text, Slice prefix);
// Everything after the last '/'.
Slice base_name(Slice path);
// Does it hold a NUL byte? Then no C string can say the same.
bool has_nul(Slice text);

// Ends the process when the kernel has no more.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // Zeroed, 16-aligned.
  void* get(size_t size);
  // Pre: all bits zero is a valid T.
  template <typename T> T* make() { return static_cast<T*>(get(sizeof(T))); }
  // The bytes and a NUL after them.
  char* copy(Slice text);
  template <typename... Parts> char* join(Parts... parts) {
    const Slice list[] = {Slice(parts)...};
    return join_all(list, sizeof...(Parts));
  }

 private:
  struct Chunk {
    Chunk* older;
    size_t size;
  };
  char* join_all(const Slice* parts, size_t count);

  Chunk* chunk_ = nullptr;
  char* next_ = nullptr;
  size_t left_ = 0;
};

// Bytes that grow.
class Output {
 public:
  explicit Output(Arena& arena) : arena_(arena) {}
  Output& put(char c) { return add({&c, 1}); }
  Output& add(Slice text);
  Output& dec(i64 value);
  Slice text() const { return {data_, size_}; }
  // Terminated.
  char* string();

 private:
  Arena& arena_;
  char* data_ = nullptr;
  size_t size_ = 0, room_ = 0;
};

}  // namespace barchan::runtime

#endif
