// Shows: getdents and getdents64: small, bad and partly bad buffers, positions that are kept, rewound and told, directories changed while read, several kinds of directories, the errors in order.
// run: both ; timeout 60s
#include <dirent.h>

#include "guest.h"

struct entry64 {
  uint64_t ino;
  int64_t off;
  unsigned short reclen;
  unsigned char type;
  char name[];
};
struct entry {
  unsigned long ino, off;
  unsigned short reclen;
  char name[];
};

static int compare(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

// Prints the names of a directory, sorted, with their types, as read in buffers of `size`.
static void list(const char* path, unsigned size, int old) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY);
  static char buffer[70000], text[200][64];
  char* names[200];
  int count = 0;
  printf("%s by %u%s:", path, size, old ? " (old)" : "");
  for (;;) {
    const long n = syscall(old ? SYS_getdents : SYS_getdents64, fd, buffer, size);
    if (n <= 0) {
      printf(" %s;", n ? errno_name(errno) : "end");
      break;
    }
    for (long at = 0; at < n;) {
      const struct entry64* e = (void*)(buffer + at);
      const struct entry* o = (void*)e;
      const int length = old ? o->reclen : e->reclen, type = old ? buffer[at + length - 1] : e->type;
      if (count < 200) {
        snprintf(text[count], sizeof *text, "%s/%d/%d", old ? o->name : e->name, type, length);
        names[count] = text[count];
        count++;
      }
      if ((old ? o->ino : e->ino) == 0) printf(" no inode");
      at += length;
    }
  }
  qsort(names, (size_t)count, sizeof *names, compare);
  for (int i = 0; i < count; i++) printf(" %s", names[i]);
  printf("\n");
  close(fd);
}

static void positions(void) {
  DIR* dir = opendir("many");
  long places[12];
  char* names[12];
  for (int i = 0; i < 12; i++) {
    places[i] = telldir(dir);
    names[i] = strdup(readdir(dir)->d_name);
  }
  for (int i = 11; i >= 0; i -= 3) {
    seekdir(dir, places[i]);
    CHECK(strcmp(readdir(dir)->d_name, names[i]) == 0);
  }
  rewinddir(dir);
  CHECK(strcmp(readdir(dir)->d_name, names[0]) == 0);
  int left = 0;
  while (readdir(dir)) left++;
  printf("left %d\n", left);
  SHOW(readdir(dir) == NULL);
  closedir(dir);
  const int fd = MUST(open("many", O_RDONLY)), copy = MUST(dup(fd));
  char buffer[64];
  long n = syscall(SYS_getdents64, fd, buffer, 48);
  const struct entry64* e = (void*)buffer;
  CHECK(n > 0 && lseek(copy, 0, SEEK_CUR) == ((struct entry64*)(buffer + n - (n > e->reclen ? ((struct entry64*)(buffer + e->reclen))->reclen : e->reclen)))->off);
  int total = 0;
  MUST(lseek(fd, 0, SEEK_SET));
  // Two descriptors and a child share one place.
  while ((n = syscall(SYS_getdents64, total & 1 ? fd : copy, buffer, 48)) > 0) {
    for (long at = 0; at < n; at += ((struct entry64*)(buffer + at))->reclen) total++;
    pid_t child = MUST(fork());
    if (child == 0) {
      n = syscall(SYS_getdents64, fd, buffer, 40);
      int more = 0;
      for (long at = 0; at < n; at += ((struct entry64*)(buffer + at))->reclen) more++;
      _exit(more);
    }
    int status;
    waitpid(child, &status, 0);
    total += WEXITSTATUS(status);
  }
  printf("together %d\n", total);
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(lseek(fd, -1, SEEK_SET));
  SHOW(syscall(SYS_getdents64, fd, buffer, 48) > 0);
  SHOW(lseek(fd, LONG_MAX, SEEK_SET) == LONG_MAX);
  SHOW(syscall(SYS_getdents64, fd, buffer, 48) <= 0);
  close(fd);
  close(copy);
}

static void errors(void) {
  char* page = MUST(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(page + 4096, 4096));
  int pipes[2];
  MUST(pipe(pipes));
  const int dir = MUST(open("many", O_RDONLY)), file = MUST(open("file", O_RDWR)), path = MUST(open("many", O_PATH)), gone = MUST(open("gone", O_RDONLY));
  MUST(rmdir("gone"));
  const struct {
    const char* name;
    int fd;
  } kinds[] = {{"dir", dir}, {"file", file}, {"path", path}, {"gone", gone}, {"pipe", pipes[0]}, {"closed", 99}, {"private", 20010}, {"negative", -1}};
  const long numbers[] = {SYS_getdents64, SYS_getdents};
  for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (int old = 0; old < 2; old++) {
      const struct {
        void* at;
        unsigned long size;
      } buffers[] = {{page, 0},   {page, 1},       {page, 23}, {page, 24}, {(void*)8, 4096}, {(void*)-4096l, 4096}, {NULL, 0},
                     {NULL, 4096}, {page + 4096 - 30, 4096}, {page + 4096 - 80, 4096}, {page, 1ul << 32}, {page, 0xffffffff}};
      printf("%s%s:", kinds[k].name, old ? " (old)" : "");
      for (unsigned b = 0; b < sizeof buffers / sizeof *buffers; b++) {
        lseek(kinds[k].fd, 0, SEEK_SET);
        const long n = syscall(numbers[old], kinds[k].fd, buffers[b].at, buffers[b].size);
        printf(" %s", n < 0 ? errno_name(errno) : n ? "some" : "end");
        if (kinds[k].fd == dir && b != 11 && n > 0 && buffers[b].size < 4096) printf("%ld", n);
      }
      printf("\n");
    }
}

static void changes(void) {
  const int fd = MUST(open("many", O_RDONLY));
  char buffer[4096], name[64];
  long n = MUST(syscall(SYS_getdents64, fd, buffer, 200));
  for (int i = 0; i < 60; i++) {
    snprintf(name, sizeof name, "many/entry-%02d", i);
    MUST(unlink(name));
  }
  int left = 0;
  while ((n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) left += (int)n;
  printf("then %s\n", n < 0 ? errno_name(errno) : "end");
  MUST(lseek(fd, 0, SEEK_SET));
  n = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
  printf("empty: %ld\n", n);
  close(MUST(open("many/new", O_CREAT | O_RDWR, 0600)));
  MUST(lseek(fd, 0, SEEK_SET));
  n = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
  printf("one: %ld\n", n);
  MUST(unlink("many/new"));
  MUST(rmdir("many"));
  MUST(lseek(fd, 0, SEEK_SET));
  SHOW(syscall(SYS_getdents64, fd, buffer, sizeof buffer));
}

int main(void) {
  for (int i = 3; i < 256; i++) close(i);
  scratch();
  MUST(mkdir("many", 0700));
  MUST(mkdir("gone", 0700));
  MUST(mkdir("kinds", 0700));
  char name[64];
  for (int i = 0; i < 60; i++) {
    snprintf(name, sizeof name, "many/entry-%02d", i);
    close(MUST(open(name, O_CREAT | O_RDWR, 0600)));
  }
  close(MUST(open("file", O_CREAT | O_RDWR, 0600)));
  close(MUST(open("kinds/file", O_CREAT | O_RDWR, 0600)));
  MUST(mkdir("kinds/a-directory-with-a-longer-name", 0700));
  MUST(mkfifo("kinds/fifo", 0600));
  MUST(symlink("nowhere", "kinds/link"));
  MUST(mknod("kinds/socket", S_IFSOCK | 0600, 0));
  static const unsigned kSizes[] = {24, 32, 40, 56, 63, 64, 65, 100, 4096, 65536};
  for (unsigned i = 0; i < sizeof kSizes / sizeof *kSizes; i++)
    for (int old = 0; old < 2; old++) list("kinds", kSizes[i], old);
  // Others' directories: a process's own, in the smallest buffers that fit.
  list("/proc/self/ns", 48, 0);
  list("/proc/self/ns", 4096, 1);
  list("/proc/self/attr", 64, 0);
  list("/proc/self/fd", 24, 0);
  list("/proc/self/fd", 24, 1);
  list("/proc/self/fd", 4096, 1);
  list("/proc/self/fdinfo", 32, 0);
  positions();
  errors();
  changes();
  return guest_failed();
}
