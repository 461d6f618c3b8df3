// Purpose: the talk between Node and the process that reaches into a sandbox's files for it (Sandbox.files).
// Owner:   abi; spoken by lib/files-message.ts and native/files.
// Trust:   the socket belongs to these two alone. Names in answers are the guest's, any bytes.
//
// `barchan-files`, one for each sandbox whose files are used: fd 3 the socket (SOCK_SEQPACKET), fd 4 the
// keeper's pidfd, fd 5 the memfd with SandboxBlob. Its first packet is a line of JSON:
//   {"event":"ready"}
//   {"event":"failed","errno":N,"step":"...","path":"..."}   then it leaves (sandbox/failure.h)
// After that each packet to it is a FileRequest with two strings, and it answers in order. It leaves when the
// socket ends.
#ifndef BARCHAN_ABI_FILES_H
#define BARCHAN_ABI_FILES_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kFilesMessageMost = 65536;

enum FileOperation : u32 {
  kFileOpen = 1,        // a regular file; the answer has its descriptor, and FileStatus
  kFileStatus = 2,      // FileStatus
  kFileOpenFolder = 3,  // a handle, in FileAnswer::value
  kFileReadFolder = 4,  // of `value`: {u8 type, name, NUL}...; nothing at the end, where the handle is closed
  kFileCloseFolder = 5,  // of `value`
  kFileMakeFolder = 6,
  kFileRemove = 7,  // EAGAIN: with kFileRecursive, a part is done
  kFileRename = 8,  // to `second`
  kFileReadLink = 9,
  kFileLink = 10,        // makes a symbolic link at `path` with the target `second`
  kFileWatch = 11,       // the watch's number, in FileAnswer::value; then answers with id 0
  kFileUnwatch = 12,     // of `value`
  kFileNextEvents = 13,  // not answered: Node is ready for another packet of events
};

// FileRequest::flags.
constexpr u32 kFileRead = 1u << 0;
constexpr u32 kFileWrite = 1u << 1;
constexpr u32 kFileCreate = 1u << 2;
constexpr u32 kFileExclusive = 1u << 3;  // also of rename: do not replace
constexpr u32 kFileTruncate = 1u << 4;
constexpr u32 kFileAppend = 1u << 5;
constexpr u32 kFileNoFollow = 1u << 6;
constexpr u32 kFileRecursive = 1u << 7;

struct FileRequest {  // followed by `path` and `second`, both NUL-terminated
  u32 id;             // not 0
  u32 operation;
  u32 flags;
  u32 mode;
  u64 value;
};
static_assert(sizeof(FileRequest) == 24);

// FileAnswer::error beside the system's: it is there, but no regular file.
constexpr u32 kFileNotRegular = 4096;

struct FileAnswer {  // followed by what the operation says
  u32 id;            // 0: struct inotify_event...
  u32 error;         // positive, or 0
  u64 value;
};
static_assert(sizeof(FileAnswer) == 16);

struct FileStatus {
  u32 mode;
  u32 links;
  u32 uid;
  u32 gid;
  u64 size;
  u64 inode;
  i64 accessed_ns;
  i64 modified_ns;
  i64 changed_ns;
  i64 created_ns;
};
static_assert(sizeof(FileStatus) == 64);

}  // namespace barchan::abi

#endif
