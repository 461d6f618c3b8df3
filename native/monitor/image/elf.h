// Purpose: what an ELF file asks the loader to do, checked in full. Parsing only: no system calls, no memory
//          beyond the caller's, so that it also builds hosted for unit tests and fuzzing.
// Owner:   monitor/image. Threads: any (no state).
// Trust:   every byte of the file is GUEST-controlled. A file that is accepted here can be mapped without
//          arithmetic that overflows and without leaving the arena.
//
// Where Linux (fs/binfmt_elf.c) notices a fault only after the point of no return and kills the process, this
// code answers ENOEXEC beforehand; execve(2) then fails and nothing is lost.
#ifndef BARCHAN_MONITOR_IMAGE_ELF_H
#define BARCHAN_MONITOR_IMAGE_ELF_H

#include <linux/elf.h>

#include "host/types.h"

namespace barchan::elf {

// Linux reads at most 64 KiB of program headers.
constexpr u32 kMaxHeaders = 65536 / sizeof(Elf64_Phdr);
// Linux: PT_INTERP is 2..PATH_MAX bytes, its NUL included.
constexpr u32 kMaxInterpreter = 4096;

// A positive error number and the reason in words; error 0 means accepted.
struct Verdict {
  i64 error = 0;
  const char* why = nullptr;
  explicit operator bool() const { return error != 0; }
};

// What the loader needs to know, addresses as in the file (add the load bias to them).
struct Image {
  bool position_independent;  // ET_DYN
  bool executable_stack;      // PT_GNU_STACK with PF_X
  bool has_interpreter;
  u64 interpreter_offset;
  u32 interpreter_size;  // with its NUL
  u64 entry;
  u64 low, high;                                   // bytes used by PT_LOAD segments: [low, high)
  u64 alignment;                                   // greatest p_align, at least a page
  u64 headers_address;                             // AT_PHDR, or 0 when the headers are not in a segment
  u64 code_start, code_end, data_start, data_end;  // as /proc/PID/stat has them
};

// Checks the file header. Pre: `have` bytes of it (at most sizeof(header)) were read from a file of `size`.
// ENOEXEC for anything that is not a 64-bit little-endian x86-64 executable or shared object.
Verdict check_header(const Elf64_Ehdr& header, u64 have, u64 size);

// Checks the program headers and fills `image`. Pre: check_header accepted `header`, and `table` holds
// header.e_phnum entries. Private copies, both.
Verdict check_segments(const Elf64_Ehdr& header, const Elf64_Phdr* table, u64 size, Image& image);

// Checks the bytes of PT_INTERP: terminated. The name can be empty.
Verdict check_interpreter(const char* name, u32 size);

}  // namespace barchan::elf

#endif
