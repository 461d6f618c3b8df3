// Purpose: files of the host, whole.
// Owner:   runtime. Threads: one. Trust: sizes are bounded here; content is the caller's to judge.
#ifndef BARCHAN_RUNTIME_FILE_H
#define BARCHAN_RUNTIME_FILE_H

#include "runtime/memory.h"

namespace barchan::runtime {

constexpr size_t kFileMax = 16 << 20;

// 0 or -errno; -EFBIG past kFileMax. Not for what blocks: a FIFO is -EINVAL.
i64 read_file(Arena& arena, i64 directory, const char* path, Slice& content);
// Creates or replaces it, for its owner alone. 0 or -errno, with nothing left of it.
i64 write_file(i64 directory, const char* name, Slice content);

bool exists(const char* path);
bool exists_in(i64 directory, const char* name);
// What the link says, or null.
char* read_link(Arena& arena, const char* path);
// Absolute, without "." and "..", links resolved. Null when there is no such directory; `error` is then -errno.
char* real_directory(Arena& arena, const char* path, i64& error);
// Its folders, too. 0 or -errno.
i64 make_directories(const char* path);
// The files in an open directory. 0 or -errno.
i64 remove_files(i64 directory);

}  // namespace barchan::runtime

#endif
