// Purpose: maps an accepted program and its interpreter into an empty address space.
// Owner:   monitor/image. Threads: start-up only. Trust: sizes and addresses were checked by image/elf.
#ifndef BARCHAN_MONITOR_IMAGE_LOAD_H
#define BARCHAN_MONITOR_IMAGE_LOAD_H

#include "monitor/image/target.h"

namespace barchan {

struct Loaded {
  u64 start;             // where execution begins: the interpreter's entry, or the program's
  u64 program_entry;     // AT_ENTRY
  u64 headers;           // AT_PHDR
  u64 interpreter_base;  // AT_BASE, 0 without interpreter
  u64 bias;              // of the program
};

// Maps the stack, the program and the interpreter, and sets the initial break. 0 or -errno; after an error
// the address space is of no more use.
i64 load_target(const Target& target, Loaded& loaded);

}  // namespace barchan

#endif
