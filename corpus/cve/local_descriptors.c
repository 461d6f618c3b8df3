// Writes a table of segments of its own, as the defects around returns to 16-bit stacks need.
// @technique T1068
// @weakness CWE-264
// @cve CVE-2015-5157
// @stopped-by gate
// @options {"policy":"compat"}
// @control native
// @attempts 2
#include <asm/ldt.h>

#include "../attack.h"

int main(void) {
  struct user_desc entry = {.entry_number = 0, .base_addr = 0, .limit = 0xfffff, .seg_32bit = 0, .limit_in_pages = 1, .useable = 1};
  ATTEMPT("16-bit segment", syscall(SYS_modify_ldt, 1, &entry, sizeof entry));
  entry.seg_32bit = 1;
  ATTEMPT("32-bit segment", syscall(SYS_modify_ldt, 0x11, &entry, sizeof entry));
  return 0;
}
