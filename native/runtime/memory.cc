#include "runtime/memory.h"

#include <linux/mman.h>

#include "host/syscall.h"

namespace barchan::runtime {
namespace {

constexpr size_t kChunk = 256 << 10;
constexpr size_t kAlignment = 16;

[[noreturn]] void out_of_memory() {
  constexpr char kText[] = "barchan-runtime: out of memory\n";
  host::call(__NR_write, 2, kText, sizeof kText - 1);
  for (;;) host::call(__NR_exit_group, 1);
}

}  // namespace

bool begins_with(Slice text, Slice prefix) {
  return text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

Slice base_name(Slice path) {
  size_t start = path.size;
  while (start > 0 && path.data[start - 1] != '/') start--;
  return path.from(start);
}

bool has_nul(Slice text) {
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] == 0) return true;
  }
  return false;
}

Arena::~Arena() {
  while (chunk_ != nullptr) {
    Chunk* older = chunk_->older;
    host::call(__NR_munmap, chunk_, chunk_->size);
    chunk_ = older;
  }
}

void* Arena::get(size_t size) {
  if (size > size_t{1} << 40) out_of_memory();
  size = (size + kAlignment - 1) & ~(kAlignment - 1);
  if (size > left_) {
    const size_t room = max<size_t>(kChunk, page_up(size + kAlignment));
    const i64 memory =
        host::call(__NR_mmap, 0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (host::is_error(memory)) out_of_memory();
    auto* chunk = reinterpret_cast<Chunk*>(memory);
    static_assert(sizeof(Chunk) <= kAlignment);
    *chunk = {chunk_, room};
    chunk_ = chunk;
    next_ = reinterpret_cast<char*>(memory) + kAlignment;
    left_ = room - kAlignment;
  }
  void* result = next_;
  next_ += size;
  left_ -= size;
  return result;
}

char* Arena::copy(Slice text) { return join_all(&text, 1); }

char* Arena::join_all(const Slice* parts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  char* result = static_cast<char*>(get(size + 1));
  char* to = result;
  for (size_t i = 0; i < count; i++) {
    if (parts[i].size != 0) memcpy(to, parts[i].data, parts[i].size);
    to += parts[i].size;
  }
  *to = 0;
  return result;
}

Output& Output::add(Slice text) {
  if (text.size > room_ - size_) {
    room_ = max<size_t>(2 * room_, size_ + text.size + 256);
    char* more = static_cast<char*>(arena_.get(room_));
    if (size_ != 0) memcpy(more, data_, size_);
    data_ = more;
  }
  if (text.size != 0) memcpy(data_ + size_, text.data, text.size);
  size_ += text.size;
  return *this;
}

Output& Output::dec(i64 value) {
  char buffer[24];
  Text text(buffer, sizeof buffer);
  text.dec(value);
  return add({text.data(), text.size()});
}

char* Output::string() {
  put(0);
  size_--;
  return data_;
}

}  // namespace barchan::runtime
