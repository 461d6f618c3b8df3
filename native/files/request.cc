#include "files/request.h"

#include <asm/errno.h>

#include "host/string.h"
#include "sandbox/config.h"

namespace barchan::files {

bool read_request(char* bytes, size_t size, Request& request) {
  if (size < sizeof request.head + 2) return false;
  bytes[size] = 0;
  memcpy(&request.head, bytes, sizeof request.head);
  request.path = bytes + sizeof request.head;
  request.second = request.path + strlen(request.path) + 1;
  return request.second < bytes + size;
}

i64 split_path(const char* path, char name[kNameSize]) {
  size_t end = strlen(path);
  if (end == 0 || end >= sandbox::kPathMax) return end == 0 ? -ENOENT : -ENAMETOOLONG;
  while (end > 0 && path[end - 1] == '/') end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/') start--;
  const size_t length = end - start;
  if (length == 0) return -EBUSY;  // the root
  if (length >= kNameSize) return -ENAMETOOLONG;
  memcpy(name, path + start, length);
  name[length] = 0;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
  return static_cast<i64>(start);
}

}  // namespace barchan::files
