// Shows: /proc/self tells about the program, not the monitor: exe, cwd, root, comm, cmdline, status, stat, task, fd.
// run: both one two
#include <dirent.h>

#include "guest.h"

static void line_of(const char* path, const char* key) {
  FILE* file = fopen(path, "r");
  char line[512];
  while (file && fgets(line, sizeof line, file))
    if (!strncmp(line, key, strlen(key))) fputs(line, stdout);
  if (file) fclose(file);
}

int main(int argc, char** argv) {
  char path[PATH_MAX] = "", text[PATH_MAX] = "";
  SHOW(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
  puts(strrchr(path, '/'));
  snprintf(text, sizeof text, "/proc/%d/exe", getpid());
  char second[PATH_MAX] = "";
  readlink(text, second, sizeof second - 1);
  CHECK(!strcmp(path, second));
  readlink("/proc/thread-self/exe", second, sizeof second - 1);
  CHECK(!strcmp(path, second));
  int exe = OK(open("/proc/self/exe", O_RDONLY));
  struct stat a, b;
  fstat(exe, &a);
  stat(path, &b);
  CHECK(a.st_ino == b.st_ino && a.st_size == b.st_size);
  stat("/proc/self/exe", &a);
  CHECK(a.st_ino == b.st_ino);
  lstat("/proc/self/exe", &a);
  CHECK(S_ISLNK(a.st_mode));
  int dir = MUST(open("/proc/self", O_RDONLY | O_DIRECTORY));
  memset(second, 0, sizeof second);
  readlinkat(dir, "exe", second, sizeof second - 1);
  CHECK(!strcmp(path, second));
  MUST(chdir("/proc/self"));
  memset(second, 0, sizeof second);
  readlink("exe", second, sizeof second - 1);
  CHECK(!strcmp(path, second));
  MUST(chdir("/usr"));
  memset(second, 0, sizeof second);
  readlink("/proc/self/cwd", second, sizeof second - 1);
  puts(second);
  line_of("/proc/self/status", "Name:");
  line_of("/proc/self/status", "Threads:");
  line_of("/proc/self/status", "State:");
  int fd = MUST(open("/proc/self/cmdline", O_RDONLY));
  long n = read(fd, text, sizeof text);
  CHECK(n > 0 && !strcmp(text, argv[0]) && !strcmp(text + n - 4, argv[argc - 1]));
  fd = MUST(open("/proc/self/environ", O_RDONLY));
  CHECK(read(fd, text, sizeof text) > 0);
  fd = MUST(open("/proc/self/stat", O_RDONLY));
  n = read(fd, text, sizeof text - 1);
  text[n] = 0;
  CHECK(atoi(text) == getpid() && strstr(text, "(file_proc_self"));
  fd = MUST(open("/proc/self/mem", O_RDWR));
  static long word = 1234567;
  long copy = 0;
  CHECK(pread(fd, &copy, sizeof copy, (off_t)&word) == sizeof copy && copy == 1234567);
  copy = 7654321;
  CHECK(pwrite(fd, &copy, sizeof copy, (off_t)&word) == sizeof copy && *(volatile long*)&word == 7654321);
  SHOW(pread(fd, &copy, sizeof copy, 8));
  int entries = 0;
  DIR* tasks = opendir("/proc/self/task");
  struct dirent* entry;
  while (tasks && (entry = readdir(tasks))) entries += entry->d_name[0] != '.';
  printf("tasks %d\n", entries);
  static const char* const files[] = {"maps", "smaps", "stat", "status", "limits", "statm", "task/%d/status"};
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
    char name[64] = "/proc/self/";
    sprintf(name + strlen(name), files[i], getpid());
    fd = MUST(open(name, O_RDONLY | (i % 2 ? O_NONBLOCK : O_CLOEXEC)));
    printf("%s: flags %#x, close-on-exec %d\n", files[i], fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    SHOW(write(fd, "x", 1));
    n = pread(fd, text, 16, 0);
    char again[16];
    CHECK(n == 16 && read(fd, again, 16) == 16 && (i == 2 || i == 5 || !memcmp(again, text, 16)));
    MUST(close(fd));
  }
  return guest_failed();
}
