// Purpose: what Node asks for (abi/files.h), and names of paths: bytes to parts, without a look at any file.
// Owner:   files. Pure logic, also built hosted for tests. Threads: any, no state.
// Trust:   Node's bytes, with paths that its caller may have from anybody.
#ifndef BARCHAN_FILES_REQUEST_H
#define BARCHAN_FILES_REQUEST_H

#include "abi/files.h"

namespace barchan::files {

struct Request {
  abi::FileRequest head;
  const char* path;  // both end within the bytes given
  const char* second;
};

// False for what is no request. Pre: `bytes` has room for one more byte, which becomes NUL.
bool read_request(char* bytes, size_t size, Request& request);

constexpr size_t kNameSize = 256;

// Splits `path` into its last name and what is above it, "/" when there is nothing. Returns how much of `path` is above, or -EBUSY
// for the root, -EINVAL where the last name is "." or "..", -ENOENT for no path, -ENAMETOOLONG for one that no file can have.
i64 split_path(const char* path, char name[kNameSize]);

}  // namespace barchan::files

#endif
