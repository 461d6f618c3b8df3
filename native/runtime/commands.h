// Purpose: one function for each command that is more than handed on.
// Owner:   runtime. Threads: one.
#ifndef BARCHAN_RUNTIME_COMMANDS_H
#define BARCHAN_RUNTIME_COMMANDS_H

#include "runtime/command_line.h"
#include "runtime/underlying.h"

namespace barchan::runtime {

struct Invocation {
  CommandLine line;
  const char* const* words;  // argv
  const char* const* environment;
  const char* root;  // absolute
  Underlying underlying;
  const char* folder;  // of our own programs
};

[[noreturn]] void carry_out(Invocation& invocation);

// create and run.
[[noreturn]] void create(const Invocation& invocation);
[[noreturn]] void execute(const Invocation& invocation);
[[noreturn]] void remove(const Invocation& invocation);
[[noreturn]] void state(const Invocation& invocation);
[[noreturn]] void features(const Invocation& invocation);
[[noreturn]] void version(const Invocation& invocation);

// The underlying runtime's command line: its path, the globals, its root, `words`, and null.
const char* const* underlying_words(const Invocation& invocation, const char* const* words, u32 count);

const char* monitor_path(const Invocation& invocation);

// How many descriptors from 3 on the underlying runtime would pass on: --preserve-fds, and those of a socket activation
// (sd_listen_fds(3)), which crun counts always and runc when they are meant for it.
u32 inherited_descriptors(const Invocation& invocation);

}  // namespace barchan::runtime

#endif
