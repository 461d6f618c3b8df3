// Purpose: what a bundle's config.json becomes so that the container's first process is a monitor, and what a monitor must
//          know about it; the same for the process of an exec.
// Owner:   runtime. Pure logic, also built hosted for tests and fuzzing. Threads: one.
// Trust:   a config may be anything; what is wrong with the parts that matter here is said precisely, the rest is the
//          underlying runtime's to judge.
#ifndef BARCHAN_RUNTIME_CONFIG_H
#define BARCHAN_RUNTIME_CONFIG_H

#include "runtime/json.h"
#include "runtime/seccomp_profile.h"

namespace barchan::runtime {

// Where the monitor's image is executed from: descriptor 5 of abi/start.h. Where a container has no /proc, a bind mount.
constexpr char kEntryByDescriptor[] = "/proc/self/fd/5";
constexpr char kEntryInDev[] = "/dev/.barchan";
constexpr char kEntryInRoot[] = "/.barchan-monitor";

struct FileLimit {
  bool given;
  u64 soft, hard;
};

struct Process {
  Slice program;         // args[0]
  FileLimit open_files;  // RLIMIT_NOFILE as the container is to see it
};

struct Container {
  Process process;
  const char* entry;  // one of the above
  const char* root;   // absolute
  Slice cgroup;       // linux.cgroupsPath; empty: none
  Slice policy;       // annotation dev.barchan.policy; empty: none
  bool has_seccomp;
  SeccompProfile* seccomp;
};

// Facts about the host that a config is made for.
struct Surroundings {
  const char* bundle;   // absolute
  const char* monitor;  // path of its image
  u64 files_hard;       // the hard RLIMIT_NOFILE that may be given out
};

// Looks at everything; changes nothing. Null, or what is wrong.
const char* read_config(Arena& arena, const json::Value* config, const Surroundings& host,
                        Container& container);

// Pre: read_config() found nothing wrong. `profile`: the value of linux.seccomp (host_profile.h).
void rewrite_config(Arena& arena, json::Value* config, const Surroundings& host, const Container& container,
                    json::Value* profile);

// The same for process.json of an exec.
const char* read_process(Arena& arena, const json::Value* process, const char* path, Process& found);
void rewrite_process(Arena& arena, json::Value* process, const Surroundings& host, const Process& found,
                     const char* entry);

}  // namespace barchan::runtime

#endif
