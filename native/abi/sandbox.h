// Purpose: how a sandbox is described to the programs that make it: what Node validated, in one sealed block.
// Owner:   abi; written by lib/sandbox-blob.ts, read and checked again by native/sandbox/config.cc.
// Trust:   comes from Node. Guests never have the descriptor; the kernel's seal keeps it from changing.
//
// Keeper (`barchan-keeper`, one for each sandbox): fd 3 the control socket, fd 4 a memfd with SandboxBlob.
// It makes the namespaces and the tree of mounts, says so, and holds them until the socket ends.
//   {"event":"ready","warden":N}   0: there is none
//   {"event":"failed","errno":N,"step":"...","path":"..."}   path only where there is one; then it leaves
//   {"event":"limit","limit":"cpuMs"}                        the processor time is used up; from its warden
// With control groups the keeper's first child, its warden, makes them and removes them when the socket ends: Node has
// seen the end of the socket only when nothing is left. With the argument "sweep" the keeper only removes them.
//
// A program of the sandbox: its supervisor has the keeper's pidfd and the same memfd (StartBlob::sandbox_fd).
#ifndef BARCHAN_ABI_SANDBOX_H
#define BARCHAN_ABI_SANDBOX_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kSandboxMagic = 0x58534342;  // "BCSX"
constexpr u32 kSandboxVersion = 1;
constexpr u32 kSandboxMaximum = 256 << 10;
constexpr u32 kSandboxMounts = 256;
constexpr u32 kSandboxIds = 65536;  // SandboxBlob::id_count at most
constexpr u32 kSandboxLimits = 16;  // RLIM_NLIMITS
constexpr u32 kSandboxGroups = 16;
constexpr u32 kSandboxSettings = 256;
constexpr u32 kSettingOptional = 1u << 0;  // a file that does not exist is right

// SandboxBlob::weaker: what the caller can do without where the host refuses it.
constexpr u32 kWeakerLandlock = 1u << 0;
constexpr u32 kWeakerSysfs = 1u << 1;

// SandboxBlob::network.
constexpr u32 kNetworkNone = 0;
constexpr u32 kNetworkLoopback = 1;
constexpr u32 kNetworkHost = 2;

// SandboxBlob::writable.
constexpr u32 kWritableNone = 0;
constexpr u32 kWritableTmpfs = 1;
constexpr u32 kWritableDirectory = 2;

// SandboxMount::kind and ::flags.
constexpr u32 kMountBind = 0;
constexpr u32 kMountTmpfs = 1;
constexpr u32 kMountReadOnly = 1u << 0;
constexpr u32 kMountNoExec = 1u << 1;

struct SandboxMount {
  u32 kind;
  u32 flags;
  u32 source;  // offset of an absolute path on the host; 0 for a tmpfs
  u32 target;  // offset of an absolute path in the sandbox, without "." and ".." and not "/"
  u64 size;    // of a tmpfs, in bytes; 0 for a bind
};
static_assert(sizeof(SandboxMount) == 24);

// A file of a control group and the text to write into it, in the table's order.
struct SandboxSetting {
  u32 file;  // offset of an absolute path on the host
  u32 value;
  u32 flags;
};

struct SandboxLimit {
  u64 soft;  // ~0 is RLIM_INFINITY
  u64 hard;
};

struct SandboxBlob {
  u32 magic;    // kSandboxMagic
  u32 version;  // kSandboxVersion
  u32 size;     // of the whole block, tables and strings included
  u32 weaker;
  u32 network;
  u32 writable;
  u32 root;      // offset of the absolute path that the sandbox shows as /
  u32 layer;     // offset of the folder that keeps changes, for kWritableDirectory, else 0
  u32 hostname;  // offset
  u32 uid;       // the only user and group that exist inside ...
  u32 gid;
  u32 host_uid;  // ... and who they are outside
  u32 host_gid;
  u32 mounts;  // offset of the table, a multiple of 8, or 0
  u32 mount_count;
  u32 limits_set;    // bit N: limits[N] counts; N is an RLIMIT_ number
  u64 scratch_size;  // of the tmpfs that /tmp and all other writable places in memory share, in bytes
  SandboxLimit limits[kSandboxLimits];
  u32 groups;  // offset of a table of u32: offsets of absolute paths, the control groups to make; a multiple of 4, or 0
  u32 group_count;
  u32 settings;  // offset of a table of SandboxSetting, a multiple of 4, or 0
  u32 setting_count;
  u64 deadline_ms;  // CLOCK_MONOTONIC: when all programs are ended; 0: never
  u64 cpu_us;       // processor time of all programs; 0: no limit
  u32 cpu_usage;    // offset of the path of the file that tells it; 0 without cpu_us
  u32 oom_adjust;  // added to the programs' oom_score_adj, 0..1000: they are ended before what looks after them
  // Ids from 0 to below this one exist inside as well, each as itself, `host_uid` and `uid` (and the groups) as one
  // another; only root can have that. 0: no others exist.
  u32 id_count;
  u32 reserved_word;  // zero
  u64 reserved;       // zero
};
static_assert(sizeof(SandboxBlob) == 384);

}  // namespace barchan::abi

#endif
