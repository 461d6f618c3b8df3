// Purpose: from a path to what will run: opens the program as execve(2) would, follows scripts, reads and
//          checks the ELF headers of program and interpreter. Nothing here is final: any error can still be
//          returned to the guest.
// Owner:   monitor/image. Threads: a Target belongs to one thread. With other guest threads running, fd_lock
//          is held exclusively by the caller.
// Trust:   paths and file contents are GUEST-controlled; file contents are copied once and judged as copies.
//
// Differences from Linux, on purpose: set-user-ID, set-group-ID and file capabilities have no effect (as
// under PR_SET_NO_NEW_PRIVS); a program must be readable, not only executable; ETXTBSY is given from
// Linux 6.14 on; binfmt_misc is not consulted.
#ifndef BARCHAN_MONITOR_IMAGE_TARGET_H
#define BARCHAN_MONITOR_IMAGE_TARGET_H

#include "monitor/image/elf.h"
#include "monitor/image/script.h"
#include "monitor/process.h"

namespace barchan {

// An ELF file that was opened and accepted.
struct ElfFile {
  int fd;  // private number, close-on-exec; -1: none
  Elf64_Ehdr header;
  Elf64_Phdr table[elf::kMaxHeaders];
  elf::Image image;
};

// About 140 KiB: never on a stack.
struct Target {
  ElfFile program;
  ElfFile interpreter;
  const char* why;      // the reason in words for an error that was returned
  const char* culprit;  // and the file it is about: the path, a script's or the ELF interpreter
  // For scripts: what argv[0] is replaced by, the strings in `lines` or the caller's path.
  u32 prefix_count;
  const char* prefix[2 * script::kMaxDepth + 2];
  char lines[script::kMaxDepth + 1][script::kHeadSize];
  char interpreter_name[elf::kMaxInterpreter];
};

// Makes a zero-filled Target ready for use.
void target_init(Target& target);
// Closes what is open.
void target_close(Target& target);

// Finds out what execveat(dirfd, path, flags) runs. `path` is a private string that outlives the target;
// `name` is the program's name for scripts and AT_EXECFN (the path itself, or /dev/fd/...); `inaccessible`:
// that name will not exist after the exec, so that no script can run. 0 or -errno, with `why` and `culprit`.
i64 target_resolve(Target& target, int dirfd, const char* path, int flags, const char* name,
                   bool inaccessible);
// The same for what a monitor before the exec had opened: reads and checks both files again.
i64 target_adopt(Target& target, int program_fd, int interpreter_fd);

}  // namespace barchan

#endif
