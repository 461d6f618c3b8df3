// Learns of its monitor from its own files of procfs: mappings above the arena, the image, its arguments, registers.
// @technique T1082
// @weakness CWE-200
// @stopped-by gate
// @options {"policy":"compat","isolation":"none"}
// @control none: natively what these show is the program's own
// @attempts 15
#include "../attack.h"

static char text[1 << 20];
static long load(const char* path) {
  int fd = open(path, O_RDONLY);
  long size = 0;
  for (long n; fd >= 0 && size < (long)sizeof text - 1 && (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += n;
  text[size] = 0;
  close(fd);
  return size;
}
static int above(void) {
  int found = 0;
  for (char* line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx", &start, &end) == 2) found |= start >= ARENA_END && !strstr(line, "[vsyscall]");
  }
  return found;
}

int main(void) {
  char path[64], link[4096];
  static const char* files[] = {"/proc/self/maps", "/proc/thread-self/maps", "/proc/self/smaps", "/proc/self/numa_maps"};
  for (unsigned i = 0; i < 3; i++) {
    CONTROL(files[i], load(files[i]) > 0 ? 0 : -1);
    MUST_NOT(files[i], above(), "hidden");
  }
  snprintf(path, sizeof path, "/proc/%d/task/%ld/maps", getpid(), syscall(SYS_gettid));
  CONTROL("maps of a task", load(path) > 0 ? 0 : -1);
  MUST_NOT("maps of a task", above(), "hidden");
  load("/proc/self/maps");
  MUST_NOT("names in maps", strstr(text, "barchan-monitor") || strstr(text, "kvm"), "hidden");
  long n = readlink("/proc/self/exe", link, sizeof link - 1);
  link[n > 0 ? n : 0] = 0;
  CONTROL("a link to itself", n > 0 ? 0 : -1);
  MUST_NOT("exe", strstr(link, "monitor"), "hidden");
  load("/proc/self/cmdline");
  MUST_NOT("cmdline", strstr(text, "monitor"), "hidden");
  load("/proc/self/stat");
  char* rest = strrchr(text, ')');
  unsigned long fields[52] = {0};
  int count = 0;
  for (char* word = rest ? strtok(rest + 2, " ") : NULL; word && count < 50; word = strtok(NULL, " ")) fields[count++] = strtoul(word, NULL, 10);
  int leak = 0;
  for (int i = 0; i < count; i++) leak |= fields[i] >= ARENA_END && fields[i] < 1UL << 47;
  MUST_NOT("addresses in stat", leak, "hidden");
  char name[16];
  snprintf(path, sizeof path, "/proc/self/comm");
  load(path);
  MUST_NOT("comm", strstr(text, "barchan-monit"), "hidden");
  prctl(PR_GET_NAME, name);
  MUST_NOT("name", strstr(name, "barchan-monit"), "hidden");
  load("/proc/self/syscall");
  unsigned long number, a[8];
  int got = sscanf(text, "%lu %lx %lx %lx %lx %lx %lx %lx %lx", &number, a, a + 1, a + 2, a + 3, a + 4, a + 5, a + 6, a + 7);
  MUST_NOT("addresses in syscall", got == 9 && (a[6] >= ARENA_END || a[7] >= ARENA_END), "hidden");
  // Of another program behind a monitor: this one, seen from its child.
  static const char* seen[] = {"maps", "smaps", "syscall", "auxv"};
  for (int i = 0; i < 4; i++) {
    int pipes[2], leaks = 1;
    CONTROL("pipe", pipe(pipes));
    // Where it can make no child, as under barchan:strict, it sees none of this.
    pid_t child = fork();
    if (child < 0) leaks = 0;
    if (child == 0) {
      snprintf(path, sizeof path, "/proc/%d/%s", getppid(), seen[i]);
      long size = load(path);
      if (i < 2) leaks = above();
      if (i == 2) {
        int n = sscanf(text, "%lu %lx %lx %lx %lx %lx %lx %lx %lx", &number, a, a + 1, a + 2, a + 3, a + 4, a + 5, a + 6, a + 7);
        leaks = n == 9 && (a[6] >= ARENA_END || a[7] >= ARENA_END);
      }
      if (i == 3) {
        leaks = 0;
        for (long k = 0; k + 16 <= size; k += 16) {
          unsigned long value = ((unsigned long*)text)[k / 8 + 1];
          leaks |= value >= ARENA_END && value < 1UL << 47;
        }
      }
      write(pipes[1], &leaks, sizeof leaks);
      _exit(0);
    }
    close(pipes[1]);
    if (child > 0) {
      waitpid(child, NULL, 0);
      // A child that says nothing has shown nothing.
      CONTROL("a child's answer", read(pipes[0], &leaks, sizeof leaks) == sizeof leaks ? 0 : -1);
    }
    close(pipes[0]);
    snprintf(path, sizeof path, "a parent's %s", seen[i]);
    MUST_NOT(path, leaks, child < 0 ? "no-child" : "hidden");
  }
  long size = load("/proc/self/auxv");
  for (long k = 0; k + 16 <= size; k += 16) {
    unsigned long value = ((unsigned long*)text)[k / 8 + 1];
    leak |= value >= ARENA_END && value < 1UL << 47;
  }
  MUST_NOT("auxv", leak, "hidden");
  return 0;
}
