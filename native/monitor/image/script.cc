#include "monitor/image/script.h"

namespace barchan::script {
namespace {

bool blank(char c) { return c == ' ' || c == '\t'; }
bool ends_word(char c) { return blank(c) || c == 0; }

// The first of [from, end) that is not blank, or end.
char* skip_blanks(char* from, char* end) {
  while (from < end && blank(*from)) from++;
  return from;
}

// The first of [from, end) that ends a word, or end.
char* skip_word(char* from, char* end) {
  while (from < end && !ends_word(*from)) from++;
  return from;
}

// Where the line ends: its newline, or the last byte looked at. Null when there is no newline and the
// interpreter's name reaches the end, so that part of it may be missing.
char* end_of_line(char (&head)[kHeadSize]) {
  char* last = head + kHeadSize - 1;
  for (char* p = head + 2; p <= last && *p != 0; p++) {
    if (*p == '\n') return p;
  }
  char* name = skip_blanks(head + 2, last);
  if (name == last || !ends_word(*skip_word(name, last))) return nullptr;
  return last;
}

}  // namespace

Kind parse(char (&head)[kHeadSize], Line& line) {
  if (head[0] != '#' || head[1] != '!') return Kind::kNotScript;
  char* end = end_of_line(head);
  if (end == nullptr) return Kind::kBad;
  while (end > head + 2 && blank(end[-1])) end--;
  char* name = skip_blanks(head + 2, end);
  if (name == end) return Kind::kBad;
  char* name_end = skip_word(name, end);
  char* argument = nullptr;
  if (name_end < end && *name_end != 0) {
    argument = skip_blanks(name_end, end);  // not the end: trailing blanks are gone
  }
  *end = 0;
  *name_end = 0;
  line = {name, argument};
  return Kind::kScript;
}

}  // namespace barchan::script
