// Purpose: what the guest holds in place of a file of procfs that tells of the monitor: a memory file with the guest version,
//          which looks like the file of procfs and is written anew when it is read from its start.
// Owner:   monitor/syscalls. Threads: any; the table is written without a lock (see CopyTable).
// Trust:   which descriptor is meant is the GUEST's choice. A copy holds nothing that the guest may not see, so whoever gets
//          one in another way (SCM_RIGHTS) has the text as it was, and a memory file by its looks.
#ifndef BARCHAN_MONITOR_SYSCALLS_PROC_COPIES_H
#define BARCHAN_MONITOR_SYSCALLS_PROC_COPIES_H

#include <asm/stat.h>
#include <linux/stat.h>

#include "host/types.h"
#include "monitor/syscalls/handlers.h"

namespace barchan::files {

// Which file of procfs a copy stands for, by the copy's inode. The inode goes first and comes last when an entry is replaced.
// A copy that fell out of the table stays as it was.
struct CopyTable {
  static constexpr u32 kEntries = 32;
  struct Entry {
    u64 inode;
    u32 inherited;  // over an exec: a file of this process's memory is one of its memory then
    char path[52];
  };
  u64 device;
  u32 next;
  Entry entries[kEntries];
};
extern CopyTable proc_copies;
// Some descriptor has such a copy behind it.
extern bool proc_copies_in_use;
// The numbers of descriptors that may be copies': a bit for each below 63, one for all others.
extern u64 proc_copy_numbers;
inline u64 number_bit(int fd) { return u64{1} << min<u32>(static_cast<u32>(fd), 63); }
// A guess that costs nothing: most calls are on other descriptors.
inline bool may_be_copy(int fd) {
  return __atomic_load_n(&proc_copy_numbers, __ATOMIC_RELAXED) & number_bit(fd);
}
inline void note_copy(int fd) { __atomic_fetch_or(&proc_copy_numbers, number_bit(fd), __ATOMIC_RELAXED); }
// `to` becomes, or has become, another number for what `from` is.
inline void note_duplicate(int from, i64 to) {
  if (may_be_copy(from) && to >= 0) [[unlikely]]
    note_copy(static_cast<int>(to));
}
// The number is about to be closed in the table of all threads. The last bit stays.
inline void forget_copy(int fd) {
  if (may_be_copy(fd) && static_cast<u32>(fd) < 63) [[unlikely]]
    __atomic_fetch_and(&proc_copy_numbers, ~number_bit(fd), __ATOMIC_RELAXED);
}
// What the monitor that this one becomes by exec is told: of as many as there is room for (exec_state.h), the latest ones.
// Which files they stand for it finds by their names.
struct InheritedCopies {
  u64 device;
  u64 inodes[12];  // or 0
};
void proc_copies_tell(InheritedCopies& to);
// Pre: no guest thread runs.
void proc_copies_resume(const InheritedCopies& from);

using CopyPath = char[sizeof CopyTable::Entry::path];

// The path of the file that the object stands for; false when it is no copy. Pre: proc_copies_in_use.
bool copied_path(u64 device, u64 inode, CopyPath& path);
bool copied_path(int fd, CopyPath& path);

// The guest is about to read by `call`, whatever that is: a copy that is read from its start becomes what the file holds
// now. 0, or the error that reading the file gives.
i64 refresh_before(const Call& call);

// A call on descriptors that the host does for a copy otherwise than for a file of procfs: true when `result` is it.
bool copy_call(const Call& call, i64& result);

// `status` is of a copy: makes it what the file has.
void show_copied(struct stat& status, const CopyPath& path);
void show_copied(struct statx& status, const CopyPath& path, u64 mask);

// What a magic link to a copy reads as: cuts `text` to the file's name. Its length.
size_t show_copied_name(char* text, size_t size);

// Makes `fd`, a fresh descriptor of the guest on the file `path` of procfs, one of a copy. 0 when it is right as it is, 1, or
// -errno.
i64 copy_for_guest(int fd, const char* path, bool close_on_exec);

}  // namespace barchan::files

#endif
