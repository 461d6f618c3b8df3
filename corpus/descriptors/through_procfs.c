// Reaches the monitor's descriptors by names of procfs: every spelling of the folder, every kind of call on it.
// @technique T1611
// @weakness CWE-59
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control native
// @control-done open,stat,readlink
// @attempts 8
// @reads descriptors
#include <dirent.h>

#include "../attack.h"

static int listed(const char* folder, int number) {
  DIR* d = opendir(folder);
  if (!d) return 0;
  int found = 0;
  for (struct dirent* e; (e = readdir(d));) found |= e->d_name[0] != '.' && atoi(e->d_name) == number;
  closedir(d);
  return found;
}

int main(void) {
  int numbers[4096], tried = 0, native = getenv("ATTACK_NATIVE") != NULL;
  int count = read_descriptors(numbers, 4096);
  char folders[9][64] = {"/proc/self/fd", "/proc/thread-self/fd", "/dev/fd", "/proc/self/fdinfo", "/proc//self/./fd",
                         "/proc/self/task/../fd"};
  snprintf(folders[6], 64, "/proc/%d/fd", getpid());
  snprintf(folders[7], 64, "/proc/self/task/%ld/fd", syscall(SYS_gettid));
  snprintf(folders[8], 64, "/proc/%d/../self/fd", getpid());
  int reached[8] = {0};
  static const char* names[] = {"open", "stat", "readlink", "list", "open by a dirfd", "link", "exec", "chmod"};
  for (int i = 0; i < count; i++) {
    int n = numbers[i];
    if (!native && n <= 2) continue;
    tried++;
    for (int f = 0; f < 9; f++) {
      char path[128], target[256], number[16];
      struct stat s;
      snprintf(path, sizeof path, "%s/%d", folders[f], n);
      snprintf(number, sizeof number, "%d", n);
      reached[0] |= open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0;
      reached[0] |= open(path, O_PATH | O_CLOEXEC) >= 0;
      reached[1] |= stat(path, &s) == 0 || lstat(path, &s) == 0;
      reached[2] |= readlink(path, target, sizeof target) > 0;
      if (native) continue;
      reached[3] |= listed(folders[f], n);
      int folder = open(folders[f], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (folder != n) reached[4] |= openat(folder, number, O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0;
      close(folder);
      reached[5] |= linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/barchan-attack-link", AT_SYMLINK_FOLLOW) == 0;
      reached[7] |= chmod(path, 0777) == 0;
      pid_t child = fork();
      if (child == 0) {
        execl(path, path, NULL);
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      reached[6] |= status != 0;
    }
    if (tried > 8) break;
  }
  CONTROL("descriptors that are not the program's", native || tried > 0 ? 0 : -1);
  for (int i = 0; i < 8; i++) MUST_NOT(names[i], reached[i], "ENOENT");
  return 0;
}
