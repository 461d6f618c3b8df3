// Purpose: JSON (RFC 8259) as a tree that can be changed and written back: what is not changed stays as it was, byte for
//          byte, whatever it means to others.
// Owner:   runtime. Pure logic, also built hosted for tests and fuzzing. Threads: one.
// Trust:   the text may be anything. What two readers could understand differently is refused: a name that occurs
//          twice in an object, text that is not UTF-8, anything after the value.
#ifndef BARCHAN_RUNTIME_JSON_H
#define BARCHAN_RUNTIME_JSON_H

#include "runtime/memory.h"

namespace barchan::runtime::json {

enum class Kind : u8 { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

struct Value {
  Kind kind;
  Slice raw;       // scalars: as in the source
  Slice text;      // kString: decoded
  Slice name;      // as a member of an object: its name, decoded,
  Slice raw_name;  // and as in the source, with quotes
  Value* first;    // arrays and objects
  Value* last;
  Value* next;  // in the same array or object
  u32 line;

  bool is(Kind k) const { return kind == k; }
};

struct Parsed {
  Value* root;        // null when
  const char* wrong;  // something is wrong,
  u32 line, column;   // here, both from 1
};

Parsed parse(Arena& arena, Slice source);

// The member of this name; null when there is none or `object` is none.
Value* find(const Value* object, Slice name);
inline Value* find(const Value* object, Slice a, Slice b) { return find(find(object, a), b); }
size_t count(const Value* list);

// A number without fraction, exponent and sign. False when it is something else or past 2^64-1.
bool to_u64(const Value* value, u64& number);

Value* make(Arena& arena, Kind kind);
Value* make_string(Arena& arena, Slice text);
Value* make_number(Arena& arena, u64 number);
// Puts `value` where a member of this name is, or at the end.
void set(Arena& arena, Value* object, Slice name, Value* value);
void remove(Value* object, Slice name);
void append(Value* array, Value* value);
void prepend(Value* array, Value* value);

void write(const Value* value, Output& out);
// `text` in quotes.
void write_string(Slice text, Output& out);

}  // namespace barchan::runtime::json

#endif
