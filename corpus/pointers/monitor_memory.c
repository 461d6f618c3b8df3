// Reads and writes the monitor's memory through system calls, by the addresses that the host kernel knows it by.
// @technique T1611
// @weakness CWE-822
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done write-from,writev-from
// @attempts 8
// @reads maps
#include "../attack.h"

int main(void) {
  static Mapping mappings[512];
  int count = read_mappings(mappings, 512);
  int pipes[2], reached[8] = {0}, found = 0;
  CONTROL("pipe", pipe2(pipes, O_NONBLOCK));
  for (int i = 0; i < count; i++) {
    // Under a monitor: its image, stack and tables. Natively: this program's own stack and vdso.
    if (mappings[i].start < ARENA_END) continue;
    char* p = (char*)mappings[i].start;
    size_t size = mappings[i].end - mappings[i].start;
    char drain[16];
    found++;
    reached[0] |= write(pipes[1], p, 1) == 1;
    reached[1] |= writev(pipes[1], &(struct iovec){p, 1}, 1) == 1;
    reached[2] |= write(pipes[1], p + size - 1, 1) == 1;
    while (read(pipes[0], drain, sizeof drain) > 0) continue;
    // Never natively: it would be this program's own stack that is overwritten.
    if (getenv("ATTACK_NATIVE")) continue;
    if (write(pipes[1], "overwritten", 11) != 11) return 2;
    reached[3] |= read(pipes[0], p, 11) > 0;
    reached[4] |= readv(pipes[0], &(struct iovec){p, 11}, 1) > 0;
    reached[5] |= getcwd(p, 4096) != NULL;
    reached[6] |= syscall(SYS_getrandom, p, 8, 0) > 0;
    reached[7] |= open(p, O_RDONLY) >= 0 || errno != EFAULT;
    while (read(pipes[0], drain, sizeof drain) > 0) continue;
  }
  CONTROL("mappings above the arena", found > 0 ? 0 : (errno = ENODATA, -1));
  static const char* names[] = {"write-from", "writev-from", "write-end", "read-into",
                                "readv-into", "getcwd-into", "getrandom-into", "path-from"};
  for (int i = 0; i < 8; i++) MUST_NOT(names[i], reached[i], "EFAULT");
  return 0;
}
