#include "monitor/image/identity.h"

#include <linux/prctl.h>

#include "host/syscall.h"
#include "monitor/image/stack.h"

namespace barchan {

const char* base_name(const char* path) {
  const char* name = path;
  for (const char* p = path; *p != 0; p++) {
    if (*p == '/') name = p + 1;
  }
  return name;
}

void publish_identity(const Target& target, const Loaded& loaded, const char* command) {
  const elf::Image& image = target.program.image;
  prctl_mm_map map = {};
  map.start_code = image.code_start + loaded.bias;
  map.end_code = image.code_end + loaded.bias;
  map.start_data = image.data_start + loaded.bias;
  map.end_data = image.data_end + loaded.bias;
  map.start_brk = map.brk = page_up(image.high + loaded.bias);
  map.start_stack = program.stack_top;
  map.arg_start = program.argument_start;
  map.arg_end = program.argument_end;
  map.env_start = program.environment_start;
  map.env_end = program.environment_end;
  map.auxv = reinterpret_cast<decltype(map.auxv)>(auxiliary_vector.words);
  map.auxv_size = auxiliary_vector.size;
  map.exe_fd = ~u32{0};  // unchanged
  host::call(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
  host::call(__NR_prctl, PR_SET_NAME, command, 0, 0, 0);
}

}  // namespace barchan
