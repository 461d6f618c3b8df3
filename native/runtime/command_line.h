// Purpose: runc's command line, as far as it must be understood to be rewritten; the rest is kept as it is.
// Owner:   runtime. Pure logic, also built hosted for tests. Threads: one. Trust: words come from the engine.
#ifndef BARCHAN_RUNTIME_COMMAND_LINE_H
#define BARCHAN_RUNTIME_COMMAND_LINE_H

#include "runtime/memory.h"

namespace barchan::runtime {

struct CommandLine {
  // Words for the underlying runtime, in order, without those that are rewritten.
  const char** globals;
  u32 global_count;
  const char** options;
  u32 option_count;
  const char* const* rest;  // what follows the container's id; null-terminated

  const char* root;     // --root
  const char* log;      // --log
  bool log_json;        // --log-format json
  const char* command;  // null: none was given
  const char* id;       // null: none was given
  const char* bundle;   // create, run: --bundle
  const char* config;   // create, run: --config, an option of crun's
  const char* process;  // exec: --process
  u32 preserve_fds;     // create, run, exec: --preserve-fds
  bool force;           // delete
  bool help;            // --help or --version among the globals, or --help among the options
  bool version;
};

// Null, or what is wrong. Pre: words[count] is null.
const char* parse_command_line(Arena& arena, const char* const* words, u32 count, CommandLine& line);

// May it be a part of a path? runc's rule: letters, digits and _ + - .
bool is_container_id(const char* id);

}  // namespace barchan::runtime

#endif
