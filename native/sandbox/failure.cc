#include "sandbox/failure.h"

namespace barchan::sandbox {

void put_failure(Text& line, const Failure& failure) {
  line.str("{\"event\":\"failed\",\"errno\":").dec(failure.error);
  line.str(",\"step\":\"").str(failure.step).put('"');
  if (failure.path != nullptr) {
    static constexpr char kHex[] = "0123456789abcdef";
    line.str(",\"path\":\"");
    for (const char* c = failure.path; *c != 0; c++) {
      if (*c == '"' || *c == '\\')
        line.put('\\').put(*c);
      else if (static_cast<unsigned char>(*c) < 0x20)
        line.str("\\u00").put(kHex[*c >> 4]).put(kHex[*c & 15]);
      else
        line.put(*c);
    }
    line.put('"');
  }
  line.str("}\n");
}

}  // namespace barchan::sandbox
