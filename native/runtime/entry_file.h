// Purpose: the empty file that the underlying runtime makes in a container's root to mount the monitor over, where the container
//          has neither /proc nor /dev of its own.
// Owner:   runtime. Threads: one. Trust: the root is the container's: nothing is followed in it.
#ifndef BARCHAN_RUNTIME_ENTRY_FILE_H
#define BARCHAN_RUNTIME_ENTRY_FILE_H

namespace barchan::runtime {

// Removes it when it is there, a file and empty. `entry`: config.h.
void remove_entry_file(const char* root, const char* entry);

}  // namespace barchan::runtime

#endif
