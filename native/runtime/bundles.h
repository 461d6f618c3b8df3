// Purpose: what is derived from a bundle, kept below the runtime's root until the container is deleted:
//            ROOT/crun, ROOT/runc     the underlying runtimes' own roots
//            ROOT/bundles/ID          config.json   as the underlying runtime gets it
//                                     container     what an exec needs to know (JSON)
//                                     filter        the container's seccomp program, sock_filter[]
//                                     policy        of the annotation (abi/policy.h), if there is one
// Owner:   runtime. Threads: one; many processes at once, see below. Trust: ROOT is its owner's alone (0700).
//
// Whoever makes a container holds a lock (flock) on its folder until the underlying runtime has it or has refused it. A
// folder without lock and without container is what a crash has left, and is taken over or removed.
#ifndef BARCHAN_RUNTIME_BUNDLES_H
#define BARCHAN_RUNTIME_BUNDLES_H

#include "runtime/memory.h"

namespace barchan::runtime {

// ROOT/bundles/ID, without looking whether it exists.
const char* bundle_path(const char* root, const char* id);
// Does an underlying runtime have this container?
bool container_exists(const char* root, const char* id);

// Makes the folder, empty and locked: its descriptor. Ends with "container ... exists" where there is one.
i64 reserve_bundle(const char* root, const char* id);

// Before a delete: the folder, locked unless somebody else has the lock; -1: there is none.
i64 open_bundle(const char* root, const char* id);

// Removes the folder, if it is still the one that `folder` refers to and no container needs it.
void remove_bundle(const char* root, const char* id, i64 folder);

}  // namespace barchan::runtime

#endif
