// Purpose: what is remembered about a container from create to delete, for the commands in between (bundles.h).
// Owner:   runtime. Threads: one. Trust: written by us in a folder that is ours; read with full checks all the same.
#ifndef BARCHAN_RUNTIME_RECORD_H
#define BARCHAN_RUNTIME_RECORD_H

#include "runtime/config.h"
#include "runtime/descriptors.h"

namespace barchan::runtime {

struct Record {
  const char* runtime;  // path of the underlying one
  const char* bundle;   // as it was given, absolute
  const char* root;     // the container's, absolute
  const char* entry;    // config.h
  const char* cgroup;   // linux.cgroupsPath, or what stands for it
  FileLimit open_files;
  Material material;
};

// Into the open folder of the bundle.
void write_record(i64 folder, const Record& record);

// False when there is none. Ends when it is damaged. `material` is read by read_material().
bool read_record(const char* root, const char* id, Record& record);
void read_material(const char* root, const char* id, Record& record);

}  // namespace barchan::runtime

#endif
