// Changes the monitor's mappings by calls on memory: unmap, replace, protect, move, advise, lock.
// @technique T1611
// @weakness CWE-119
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively it would be the program's own stack that goes
// @attempts 11
// @reads maps
#include <sys/shm.h>

#include "../attack.h"

int main(void) {
  static Mapping maps[512];
  int count = read_mappings(maps, 512), found = 0;
  static const char* names[] = {"munmap", "mmap-fixed", "mprotect", "mremap-from", "mremap-onto", "madvise-dontneed",
                                "madvise-remove", "mlock", "shmat-remap", "msync", "mincore"};
  int reached[11] = {0};
  int segment = shmget(IPC_PRIVATE, 4096, 0600);
  char* mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char resident[4096];
  for (int i = 0; i < count; i++) {
    if (maps[i].start < ARENA_END) continue;
    char* p = (char*)maps[i].start;
    size_t n = maps[i].end - maps[i].start;
    found++;
    // Says 0 where nothing is mapped, and to the program nothing is; what counts is that it is still there below.
    munmap(p, n);
    reached[1] |= mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    reached[2] |= mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0;
    reached[3] |= mremap(p, 4096, 8192, MREMAP_MAYMOVE) != MAP_FAILED;
    reached[4] |= mremap(mine, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p) != MAP_FAILED;
    reached[5] |= madvise(p, 4096, MADV_DONTNEED) == 0;
    reached[6] |= madvise(p, 4096, MADV_REMOVE) == 0;
    reached[7] |= mlock(p, 4096) == 0;
    reached[8] |= shmat(segment, p, SHM_REMAP) != (void*)-1;
    reached[9] |= msync(p, 4096, MS_SYNC) == 0;
    reached[10] |= mincore(p, 4096, resident) == 0;
  }
  shmctl(segment, IPC_RMID, NULL);
  static Mapping after[512];
  int left = read_mappings(after, 512);
  for (int i = 0; i < count; i++) {
    int kept = maps[i].start < ARENA_END;
    for (int k = 0; k < left; k++) kept |= after[k].start <= maps[i].start && maps[i].end <= after[k].end;
    reached[0] |= !kept;
  }
  CONTROL("mappings above the arena", found > 0 ? 0 : (errno = ENODATA, -1));
  for (int i = 0; i < 11; i++) MUST_NOT(names[i], reached[i], "refused");
  return 0;
}
