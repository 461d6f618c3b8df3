// Shows: directories: create, list completely in small buffers, nest, rename, remove, and the errors.
#include <dirent.h>

#include "guest.h"

static int compare(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

int main(void) {
  scratch();
  SHOW(mkdir("dir", 0755));
  SHOW(mkdir("dir", 0755));
  SHOW(mkdir("missing/dir", 0755));
  char name[300];
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "dir/entry-%03d-%.*s", i, i % 100, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
  }
  DIR* dir = opendir("dir");
  char* names[400];
  int count = 0;
  struct dirent* entry;
  while ((entry = readdir(dir)) && count < 400) names[count++] = strdup(entry->d_name);
  qsort(names, (size_t)count, sizeof *names, compare);
  unsigned hash = 0;
  for (int i = 0; i < count; i++)
    for (char* c = names[i]; *c; c++) hash = hash * 31 + (unsigned char)*c;
  printf("entries %d hash %u first %s last %s\n", count, hash, names[0], names[count - 1]);
  rewinddir(dir);
  int again = 0;
  while (readdir(dir)) again++;
  printf("again %d\n", again);
  closedir(dir);
  int fd = MUST(open("dir", O_RDONLY | O_DIRECTORY));
  char small[64];
  long n, calls = 0, bytes = 0;
  while ((n = syscall(SYS_getdents64, fd, small, sizeof small)) > 0) calls++, bytes += n;
  printf("small reads end with %ld %s\n", n, n < 0 ? errno_name(errno) : "");
  SHOW(syscall(SYS_getdents64, fd, 8, 4096));
  SHOW(syscall(SYS_getdents64, 0, small, sizeof small));
  SHOW(rmdir("dir"));
  SHOW(rename("dir", "moved"));
  SHOW(rename("missing", "x"));
  SHOW(mkdir("other", 0700));
  SHOW(rename("moved", "other"));
  SHOW(rmdir("moved"));
  SHOW(rename("other", "other/inside"));
  close(MUST(open("file", O_CREAT | O_WRONLY, 0600)));
  SHOW(rename("file", "other"));
  SHOW(rename("other", "file"));
  SHOW(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "other", 2));
  struct stat st;
  SHOW(stat("file", &st));
  printf("now a directory: %d\n", S_ISDIR(st.st_mode));
  SHOW(syscall(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, "file", 1));
  for (int i = 0; i < count; i++) {
    if (names[i][0] == '.') continue;
    snprintf(name, sizeof name, "file/%s", names[i]);
    MUST(unlink(name));
  }
  SHOW(unlink("file"));
  SHOW(rmdir("file"));
  SHOW(rmdir("other"));
  SHOW(rmdir("."));
  for (int i = 0; i < 60; i++) {
    MUST(mkdir("deep", 0700));
    MUST(chdir("deep"));
  }
  char cwd[PATH_MAX];
  CHECK(getcwd(cwd, sizeof cwd) && strlen(cwd) > 300);
  return guest_failed();
}
