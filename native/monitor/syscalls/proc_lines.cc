#include "monitor/syscalls/proc_lines.h"

namespace barchan::files {

void TextOut::flush() {
  for (size_t done = 0; done < used_;) {
    i64 n = host::call(__NR_write, to_, buffer_ + done, used_ - done);
    if (n <= 0) {
      good_ = false;
      break;
    }
    done += static_cast<size_t>(n);
  }
  used_ = 0;
}

}  // namespace barchan::files
