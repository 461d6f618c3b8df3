// Purpose: the control groups of a container that was given up while it was made: the underlying runtime, killed before it noted
//          them down, cannot find them again.
// Owner:   runtime. Threads: one.
// Trust:   the path is the config's and may name a group that others use: processes are ended only in one that is named after
//          the container, and groups are removed only when they are empty, by rmdir(2).
#ifndef BARCHAN_RUNTIME_CGROUP_FOLDERS_H
#define BARCHAN_RUNTIME_CGROUP_FOLDERS_H

namespace barchan::runtime {

// Ends what is left in it and removes the group of this path, as in linux.cgroupsPath, in every hierarchy, from its root and from where we are. Paths of
// systemd ("slice:prefix:name") are systemd's to remove.
void remove_cgroups(const char* path, const char* id);

}  // namespace barchan::runtime

#endif
