#include "runtime/json.h"

namespace barchan::runtime::json {
namespace {

constexpr u32 kDepthMax = 64;

// Length of the well-formed UTF-8 sequence at `s` (RFC 3629), at most `left` bytes; 0: none.
size_t utf8_length(const u8* s, size_t left) {
  const auto tail = [&](size_t i) { return i < left && (s[i] & 0xc0) == 0x80; };
  if (s[0] < 0x80) return 1;
  if (s[0] >= 0xc2 && s[0] <= 0xdf && tail(1)) return 2;
  if ((s[0] & 0xf0) == 0xe0 && tail(1) && tail(2)) {
    const bool overlong = s[0] == 0xe0 && s[1] < 0xa0, surrogate = s[0] == 0xed && s[1] >= 0xa0;
    return overlong || surrogate ? 0 : 3;
  }
  if (s[0] >= 0xf0 && s[0] <= 0xf4 && tail(1) && tail(2) && tail(3)) {
    const bool overlong = s[0] == 0xf0 && s[1] < 0x90, past = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || past ? 0 : 4;
  }
  return 0;
}

void put_utf8(u32 c, char*& to) {
  const auto byte = [&](u32 b) { *to++ = static_cast<char>(b); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 63));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 63));
    byte(0x80 | (c & 63));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 63));
    byte(0x80 | (c >> 6 & 63));
    byte(0x80 | (c & 63));
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(Arena& arena, Slice source) : arena_(arena), at_(source.data), end_(source.data + source.size) {
    line_start_ = at_;
  }

  Parsed run() {
    skip_space();
    Value* root = value(0);
    if (wrong_ == nullptr) {
      skip_space();
      if (at_ != end_) fail("there is more after the value");
    }
    if (wrong_ != nullptr) return {nullptr, wrong_, line_, static_cast<u32>(at_ - line_start_) + 1};
    return {root, nullptr, 0, 0};
  }

 private:
  Value* fail(const char* what) {
    if (wrong_ == nullptr) wrong_ = what;
    return nullptr;
  }

  bool at(char c) const { return at_ < end_ && *at_ == c; }

  bool take(char c) {
    if (!at(c)) return false;
    at_++;
    return true;
  }

  void skip_space() {
    for (; at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r'); at_++) {
      if (*at_ != '\n') continue;
      line_++;
      line_start_ = at_ + 1;
    }
  }

  Value* start(Kind kind) {
    Value* v = arena_.make<Value>();
    v->kind = kind;
    v->line = line_;
    return v;
  }

  Value* word(const char* text, Kind kind) {
    const Slice wanted(text);
    if (!begins_with({at_, static_cast<size_t>(end_ - at_)}, wanted)) return fail("expected a value");
    Value* v = start(kind);
    v->raw = {at_, wanted.size};
    at_ += wanted.size;
    return v;
  }

  Value* value(u32 depth) {
    if (depth > kDepthMax) return fail("values are nested too deeply");
    if (at_ == end_) return fail("expected a value, found the end");
    switch (*at_) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': return string();
      case 't': return word("true", Kind::kTrue);
      case 'f': return word("false", Kind::kFalse);
      case 'n': return word("null", Kind::kNull);
      default: return number();
    }
  }

  bool digits() {
    if (at_ == end_ || !is_digit(*at_)) return false;
    while (at_ < end_ && is_digit(*at_)) at_++;
    return true;
  }

  Value* number() {
    Value* v = start(Kind::kNumber);
    const char* from = at_;
    take('-');
    const bool zero = at('0');
    if (!digits()) return fail("expected a value");
    if (zero && at_ - from > (*from == '-' ? 2 : 1)) return fail("a number begins with 0");
    if (take('.') && !digits()) return fail("a number ends with '.'");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return fail("a number's exponent has no digits");
    }
    v->raw = {from, static_cast<size_t>(at_ - from)};
    return v;
  }

  // The four digits after \u, or -1.
  i32 hex4() {
    i32 code = 0;
    for (int i = 0; i < 4; i++, at_++) {
      if (at_ == end_) return -1;
      const char c = *at_;
      const i32 digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return -1;
      code = code * 16 + digit;
    }
    return code;
  }

  bool unicode_escape(char*& to) {
    const i32 code = hex4();
    if (code < 0) return fail("expected four hexadecimal digits after \\u"), false;
    u32 c = static_cast<u32>(code);
    if (c >= 0xd800 && c < 0xdc00) {
      const bool pair = take('\\') && take('u');
      const i32 low = pair ? hex4() : -1;
      if (low < 0xdc00 || low > 0xdfff) return fail("half of a surrogate pair"), false;
      c = 0x10000 + ((c - 0xd800) << 10) + (static_cast<u32>(low) - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
      return fail("half of a surrogate pair"), false;
    }
    put_utf8(c, to);
    return true;
  }

  bool escape(char*& to) {
    if (at_ == end_) return fail("a string has no end"), false;
    const char c = *at_++;
    switch (c) {
      case '"':
      case '\\':
      case '/': *to++ = c; return true;
      case 'b': *to++ = '\b'; return true;
      case 'f': *to++ = '\f'; return true;
      case 'n': *to++ = '\n'; return true;
      case 'r': *to++ = '\r'; return true;
      case 't': *to++ = '\t'; return true;
      case 'u': return unicode_escape(to);
      default: at_--; return fail("an escape that JSON does not know"), false;
    }
  }

  // Pre: at '"'. An escape is never shorter than what it stands for.
  bool characters(Slice& raw, Slice& text) {
    const char* from = at_++;
    const char* close = at_;
    while (close < end_ && *close != '"') close += *close == '\\' && close + 1 < end_ ? 2 : 1;
    if (close >= end_) return fail("a string has no end"), false;
    char* decoded = static_cast<char*>(arena_.get(static_cast<size_t>(close - at_) + 1));
    char* to = decoded;
    while (!at('"')) {
      if (at_ == end_) return fail("a string has no end"), false;
      const u8 c = static_cast<u8>(*at_);
      if (c == '\\') {
        at_++;
        if (!escape(to)) return false;
        continue;
      }
      if (c < 0x20) return fail("a control character in a string"), false;
      const size_t n = utf8_length(reinterpret_cast<const u8*>(at_), static_cast<size_t>(end_ - at_));
      if (n == 0) return fail("bytes that are not UTF-8"), false;
      memcpy(to, at_, n);
      to += n;
      at_ += n;
    }
    at_++;
    raw = {from, static_cast<size_t>(at_ - from)};
    text = {decoded, static_cast<size_t>(to - decoded)};
    return true;
  }

  Value* string() {
    Value* v = start(Kind::kString);
    return characters(v->raw, v->text) ? v : nullptr;
  }

  Value* array(u32 depth) {
    Value* list = start(Kind::kArray);
    at_++;
    skip_space();
    if (take(']')) return list;
    for (;;) {
      skip_space();
      Value* item = value(depth + 1);
      if (item == nullptr) return nullptr;
      append(list, item);
      skip_space();
      if (take(']')) return list;
      if (!take(',')) return fail("expected ',' or ']'");
    }
  }

  Value* object(u32 depth) {
    Value* list = start(Kind::kObject);
    at_++;
    skip_space();
    if (take('}')) return list;
    for (u32 members = 0;; members++) {
      skip_space();
      if (!at('"')) return fail("expected a name in quotes");
      Slice raw_name, name;
      if (!characters(raw_name, name)) return nullptr;
      if (members > kMembersMax) return fail("an object has too many members");
      if (find(list, name) != nullptr) return fail("a name occurs twice in an object");
      skip_space();
      if (!take(':')) return fail("expected ':'");
      skip_space();
      Value* member = value(depth + 1);
      if (member == nullptr) return nullptr;
      member->name = name;
      member->raw_name = raw_name;
      append(list, member);
      skip_space();
      if (take('}')) return list;
      if (!take(',')) return fail("expected ',' or '}'");
    }
  }

  static constexpr u32 kMembersMax = 4096;  // names are compared with all before them

  Arena& arena_;
  const char* at_;
  const char* end_;
  const char* line_start_;
  u32 line_ = 1;
  const char* wrong_ = nullptr;
};

void take_place(Value* value, const Value* of) {
  value->name = of->name;
  value->raw_name = of->raw_name;
  value->next = of->next;
}

}  // namespace

Parsed parse(Arena& arena, Slice source) { return Parser(arena, source).run(); }

Value* find(const Value* object, Slice name) {
  if (object == nullptr || object->kind != Kind::kObject) return nullptr;
  for (Value* v = object->first; v != nullptr; v = v->next) {
    if (v->name == name) return v;
  }
  return nullptr;
}

size_t count(const Value* list) {
  size_t n = 0;
  for (const Value* v = list->first; v != nullptr; v = v->next) n++;
  return n;
}

bool to_u64(const Value* value, u64& number) {
  if (value == nullptr || value->kind != Kind::kNumber) return false;
  number = 0;
  for (size_t i = 0; i < value->raw.size; i++) {
    if (!is_digit(value->raw.data[i])) return false;
    if (__builtin_mul_overflow(number, u64{10}, &number)) return false;
    if (__builtin_add_overflow(number, static_cast<u64>(value->raw.data[i] - '0'), &number)) return false;
  }
  return true;
}

Value* make(Arena& arena, Kind kind) {
  Value* v = arena.make<Value>();
  v->kind = kind;
  switch (kind) {
    case Kind::kTrue: v->raw = "true"; break;
    case Kind::kFalse: v->raw = "false"; break;
    case Kind::kNull: v->raw = "null"; break;
    default: break;
  }
  return v;
}

Value* make_string(Arena& arena, Slice text) {
  Value* v = make(arena, Kind::kString);
  Output out(arena);
  write_string(text, out);
  v->raw = out.text();
  v->text = text;
  return v;
}

Value* make_number(Arena& arena, u64 number) {
  char buffer[24];
  Text digits(buffer, sizeof buffer);
  digits.udec(number);
  Value* v = make(arena, Kind::kNumber);
  v->raw = {arena.copy({digits.data(), digits.size()}), digits.size()};
  return v;
}

void set(Arena& arena, Value* object, Slice name, Value* value) {
  Value* before = nullptr;
  for (Value* v = object->first; v != nullptr; before = v, v = v->next) {
    if (!(v->name == name)) continue;
    take_place(value, v);
    (before == nullptr ? object->first : before->next) = value;
    if (object->last == v) object->last = value;
    return;
  }
  value->name = name;
  value->raw_name = make_string(arena, name)->raw;
  append(object, value);
}

void remove(Value* object, Slice name) {
  Value* before = nullptr;
  for (Value* v = object->first; v != nullptr; before = v, v = v->next) {
    if (!(v->name == name)) continue;
    (before == nullptr ? object->first : before->next) = v->next;
    if (object->last == v) object->last = before;
    return;
  }
}

void append(Value* array, Value* value) {
  value->next = nullptr;
  (array->last == nullptr ? array->first : array->last->next) = value;
  array->last = value;
}

void prepend(Value* array, Value* value) {
  value->next = array->first;
  array->first = value;
  if (array->last == nullptr) array->last = value;
}

void write_string(Slice text, Output& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.put('"');
  for (size_t i = 0; i < text.size; i++) {
    const char c = text.data[i];
    if (c == '"' || c == '\\')
      out.put('\\').put(c);
    else if (static_cast<u8>(c) < 0x20)
      out.add("\\u00").put(kHex[c >> 4]).put(kHex[c & 15]);
    else
      out.put(c);
  }
  out.put('"');
}

void write(const Value* value, Output& out) {
  const bool object = value->is(Kind::kObject);
  if (!object && !value->is(Kind::kArray)) {
    out.add(value->raw);
    return;
  }
  out.put(object ? '{' : '[');
  for (const Value* v = value->first; v != nullptr; v = v->next) {
    if (v != value->first) out.put(',');
    if (object) out.add(v->raw_name).put(':');
    write(v, out);
  }
  out.put(object ? '}' : ']');
}

}  // namespace barchan::runtime::json
