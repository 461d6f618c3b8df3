// Purpose: what can be done with a sandbox's files (abi/files.h), from inside it.
// Owner:   files. Threads: one.
// Trust:   paths come from Node, what they lead to is the guest's, who changes it meanwhile. Every look-up is one
//          openat2(2) with RESOLVE_IN_ROOT in the sandbox's own tree of mounts, without procfs, by a process with
//          the sandbox's user and no privileges: wherever links lead, it is somewhere that the guest can reach itself.
//
// Results are 0 or more, or -errno.
#ifndef BARCHAN_FILES_OPERATIONS_H
#define BARCHAN_FILES_OPERATIONS_H

#include "abi/files.h"
#include "files/request.h"
#include "sandbox/tree.h"

namespace barchan::files {

using sandbox::Fd;

// A name in a folder that exists; the last name of a path is not followed.
struct Place {
  Fd folder;
  char name[kNameSize];

  // -EBUSY for the root, -EINVAL where the last name is "." or "..".
  i64 find(int root, const char* path);
};

// Opens a regular file by abi::kFileRead and so on; -kFileNotRegular for something else. Never waits for another process.
Fd open_file(int root, const char* path, u32 flags, u32 mode);
i64 read_status(int fd, abi::FileStatus& status);
i64 status_of(int root, const char* path, u32 flags, abi::FileStatus& status);
Fd open_folder(int root, const char* path);
// As many entries as fit: {u8 DT_ type, name, NUL}. Their size; 0 at the end.
i64 read_folder(int fd, char* to, size_t size);
i64 make_folder(int root, const char* path, u32 flags, u32 mode);
// -EAGAIN: a part is done; call again.
i64 remove(int root, const char* path, u32 flags);
i64 rename(int root, const char* from, const char* to, u32 flags);
i64 read_link(int root, const char* path, char* to, size_t size);
i64 make_link(int root, const char* path, const char* target);

}  // namespace barchan::files

#endif
