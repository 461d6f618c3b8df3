#include "runtime/schema.h"

namespace barchan::runtime {
namespace {

using json::Kind;
using json::Value;

// Equal when letters count alike, as encoding/json of Go folds them: ASCII, and the two characters beyond it that fold
// to ASCII letters, U+017F (s) and U+212A (k).
bool same_folded(Slice name, Slice known) {
  size_t i = 0;
  for (size_t k = 0; k < known.size; k++) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    if (i >= name.size) return false;
    const char wanted = lower(known.data[k]);
    const Slice rest = name.from(i);
    if (wanted == 's' && begins_with(rest, "\xc5\xbf"))
      i += 2;
    else if (wanted == 'k' && begins_with(rest, "\xe2\x84\xaa"))
      i += 3;
    else if (lower(rest.data[0]) == wanted)
      i++;
    else
      return false;
  }
  return i == name.size;
}

}  // namespace

const char* check_names(Arena& arena, const Value* object, const char* path, const char* const* known,
                        size_t count) {
  for (const Value* v = object->first; v != nullptr; v = v->next) {
    for (size_t i = 0; i < count; i++) {
      if (v->name == Slice(known[i]) || !same_folded(v->name, known[i])) continue;
      return arena.join(path, path[0] == 0 ? "" : ".", v->name, " differs from ", known[i],
                        " in its letters only: some readers take one for the other");
    }
  }
  return nullptr;
}

Value* member(const Value* object, Slice name) {
  Value* v = json::find(object, name);
  return v == nullptr || v->is(Kind::kNull) ? nullptr : v;
}

const char* check_strings(Arena& arena, const Value* list, const char* path) {
  if (!list->is(Kind::kArray)) return arena.join(path, " must be an array of strings");
  u32 index = 0;
  for (const Value* v = list->first; v != nullptr; v = v->next, index++) {
    const bool text = v->is(Kind::kString);
    if (text && !has_nul(v->text)) continue;
    Output message(arena);
    message.add(path).put('[').dec(index).add(text ? "] holds a NUL character" : "] must be a string");
    return message.string();
  }
  return nullptr;
}

}  // namespace barchan::runtime
