// Any bytes as the start of a script: names lie in the buffer and end in it.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "monitor/image/script.h"

using namespace barchan;

static void require_inside(const char* text, const char (&head)[script::kHeadSize]) {
  if (text < head || text >= head + sizeof head ||
      !memchr(text, 0, static_cast<size_t>(head + sizeof head - text)))
    abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  char head[script::kHeadSize] = {};
  memcpy(head, data, size < sizeof head ? size : sizeof head);
  script::Line line = {};
  if (script::parse(head, line) != script::Kind::kScript) return 0;
  require_inside(line.interpreter, head);
  if (line.argument) require_inside(line.argument, head);
  return 0;
}
