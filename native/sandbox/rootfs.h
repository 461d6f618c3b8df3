// Purpose: the tree of mounts that a sandbox shows as /.
// Owner:   sandbox (keeper). Threads: one.
// Trust:   Config is checked; names inside its root may be anybody's (sandbox/tree.h).
//
// The root itself is an empty folder: of the sandbox's own tmpfs, or of the folder that keeps changes. Each
// folder at the top of the root that is shown is mounted there by itself, read-only with all that is mounted
// below it, or through an overlay that takes the changes; links are made again. So /dev, /proc, /sys, /tmp and
// /run never show the host's, and every mount has a place without anything being changed outside.
#ifndef BARCHAN_SANDBOX_ROOTFS_H
#define BARCHAN_SANDBOX_ROOTFS_H

#include "sandbox/config.h"
#include "sandbox/failure.h"
#include "sandbox/tree.h"

namespace barchan::sandbox {

// What is looked up as who the caller is outside, before become_user().
struct Sources {
  Fd root;
  Fd layer;
  Fd mounts[abi::kSandboxMounts];
};
Failure open_sources(const Config& config, Sources& sources);

// Builds the tree and makes it the root of this mount namespace; nothing of the old one remains.
// Pre: enter_namespaces(), open_sources(), become_user().
Failure build_root(const Config& config, Sources& sources);

// /dev with the usual nodes, which are the host's, and terminals of its own. `dev`: an empty folder.
Failure build_devices(int dev, int scratch);

}  // namespace barchan::sandbox

#endif
