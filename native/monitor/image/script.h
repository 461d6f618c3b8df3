// Purpose: reads the first line of a script: "#!" interpreter [one argument], as Linux does (man 2 execve).
// Owner:   monitor/image. Parsing only; builds hosted for unit tests and fuzzing. Threads: any (no state).
// Trust:   the bytes are GUEST-controlled.
#ifndef BARCHAN_MONITOR_IMAGE_SCRIPT_H
#define BARCHAN_MONITOR_IMAGE_SCRIPT_H

#include "host/types.h"

namespace barchan::script {

// Linux looks at this much of a file to know what it is.
constexpr size_t kHeadSize = 256;
// A chain may hold this many scripts, each the interpreter of the one before; one more is ELOOP.
constexpr u32 kMaxDepth = 5;

struct Line {
  const char* interpreter;  // inside the buffer that was parsed, NUL-terminated
  const char* argument;     // likewise, or null
};

enum class Kind { kNotScript, kScript, kBad };

// Parses in place: `head` holds the first bytes of the file, the rest zero. kBad: begins with "#!" but names
// no interpreter, or a name so long that it may be cut off (ENOEXEC, both). Name and argument can be empty
// when the file ends without a newline.
Kind parse(char (&head)[kHeadSize], Line& line);

}  // namespace barchan::script

#endif
