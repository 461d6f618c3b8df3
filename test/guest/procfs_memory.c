// Shows: /proc/self/mem reads and writes the program's own memory by every call that reads and writes, protected or not, and
//        nothing else; pagemap and map_files are of its own mappings.
// run: both
#include <dirent.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "guest.h"

static volatile int stop;
static char* moving;
static void* mapper(void* p) {
  while (!stop) {
    munmap(moving, 8192);
    mmap(moving, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  }
  return p;
}

static char* page(int prot, int flags, int fd) {
  return MUST((char*)mmap(NULL, 4096, prot, flags, fd, 0));
}

int main(void) {
  int fd = MUST(open("/proc/self/mem", O_RDWR | O_CLOEXEC)), reads = MUST(open("/proc/thread-self/mem", O_RDONLY));
  int writes = MUST(open("/proc/self/mem", O_WRONLY));
  printf("flags %#x %#x %#x\n", fcntl(fd, F_GETFL), fcntl(reads, F_GETFL), fcntl(writes, F_GETFL));
  struct stat status;
  struct statfs fs;
  SHOW(fstat(fd, &status));
  SHOW(fstatfs(fd, &fs));
  printf("mode %o, size %ld, type %#lx\n", status.st_mode, (long)status.st_size, (long)fs.f_type);
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0);
  SHOW(ftruncate(fd, 0));
  SHOW(lseek(fd, 0, SEEK_END));

  puts("-- every call");
  static char words[64] = "twelve bytes and more";
  char got[64] = "", half[8] = "";
  struct iovec parts[2] = {{half, 6}, {got, 6}};
  SHOW(pread(fd, got, 12, (off_t)words));
  puts(got);
  SHOW(preadv(fd, parts, 2, (off_t)words));
  printf("%.6s|%.6s\n", half, got);
  SHOW(lseek(fd, (off_t)words, SEEK_SET) == (off_t)words);
  SHOW(readv(fd, parts, 2));
  SHOW(read(fd, got, 4));
  printf("%.6s|%.4s\n", half, got);
  SHOW(lseek(fd, 0, SEEK_CUR) == (off_t)words + 16);
  SHOW(pwrite(fd, "TWELVE", 6, (off_t)words));
  parts[0] = (struct iovec){"dozen ", 6};
  SHOW(pwritev(fd, parts, 1, (off_t)words + 7));
  SHOW(write(fd, "!", 1));
  struct iovec none = {got, 0};
  SHOW(readv(fd, &none, 1));
  printf("%.21s\n", words);
  SHOW(write(reads, "x", 1));
  SHOW(pread(writes, got, 1, (off_t)words));
  SHOW(pread(fd, got, 1, -1));
  SHOW(preadv2(fd, parts, 1, (off_t)words, 0));
  int ends[2];
  MUST(pipe(ends));
  off_t at = (off_t)words;
  lseek(fd, 0, SEEK_SET);
  SHOW(sendfile(ends[1], fd, NULL, 4));
  SHOW(splice(fd, &at, ends[1], NULL, 4, 0));

  puts("-- what is protected");
  int file = MUST(open("/proc/self/exe", O_RDONLY));
  char* read_only = page(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  SHOW(pwrite(fd, "written", 8, (off_t)read_only));
  puts(read_only);
  trap_install();
  TRAP("read-only still", read_only, *(volatile char*)read_only = 1);
  char* nothing = page(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  SHOW(pread(fd, got, 4, (off_t)nothing));
  SHOW(pwrite(fd, "none", 4, (off_t)nothing));
  TRAP("none still", nothing, (void)*(volatile char*)nothing);
  mprotect(nothing, 4096, PROT_READ);
  printf("%.4s\n", nothing);
  char* code = page(PROT_READ, MAP_PRIVATE, file);
  SHOW(pwrite(fd, "changed", 8, (off_t)code));
  puts(code);
  char* shared = page(PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1);
  SHOW(pwrite(fd, "shared", 7, (off_t)shared));
  char* shared_file = page(PROT_READ, MAP_SHARED, file);
  SHOW(pwrite(fd, "shared", 7, (off_t)shared_file));

  puts("-- what is not there");
  char* two = MUST((char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  MUST(munmap(two + 4096, 4096));
  SHOW(pread(fd, got, 16, (off_t)two + 4088));
  SHOW(pread(fd, got, 16, (off_t)two + 4096));
  SHOW(pwrite(fd, got, 16, (off_t)two + 4088));
  SHOW(pread(fd, got, 16, 0));
  SHOW(pread(fd, two + 4096, 16, (off_t)words));
  SHOW(pread(fd, two + 4088, 16, (off_t)words));
  SHOW(pread(fd, (void*)(1ul << 63), 16, (off_t)words));
  SHOW(pread(fd, got, 16, 0x7ffffffff000));
  SHOW(pread(fd, got, 0, 8));
  SHOW(pread(fd, got, -1, 8));

  puts("-- races and copies");
  moving = MUST((char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  pthread_t thread;
  if (pthread_create(&thread, NULL, mapper, NULL)) return 2;
  int odd = 0;
  for (int i = 0; i < 300; i++) {
    static char both[8192];
    long n = i % 2 ? pwrite(fd, both, 8192, (off_t)moving) : pread(fd, both, 8192, (off_t)moving);
    odd += n != 8192 && n != 4096 && !(n == -1 && errno == EIO);
  }
  stop = 1;
  pthread_join(thread, NULL);
  printf("odd results: %d\n", odd);
  int copy = MUST(dup(fd));
  SHOW(pread(copy, got, 6, (off_t)words));
  MUST(close(copy));

  puts("-- pagemap and map_files");
  int map = MUST(open("/proc/self/pagemap", O_RDONLY));
  printf("flags %#x\n", fcntl(map, F_GETFL));
  uint64_t entries[4] = {};
  two[0] = 1;
  off_t where = (off_t)((uintptr_t)two / 4096 * 8);
  SHOW(pread(map, entries, 16, where));
  printf("here %d, there %d\n", (int)(entries[0] >> 63), (int)(entries[1] >> 63));
  SHOW(lseek(map, where, SEEK_SET) == where);
  SHOW(read(map, entries, 8));
  SHOW(lseek(map, 0, SEEK_CUR) == where + 8);
  SHOW(pread(map, entries, 7, where));
  SHOW(pread(map, entries, 8, where + 1));
  SHOW(pread(map, entries, 8, 1l << 40));
  SHOW(write(map, entries, 8));
  SHOW(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, map, 0) == MAP_FAILED ? errno : 0);
  DIR* files = opendir("/proc/self/map_files");
  int foreign = 0, own = 0;
  struct dirent* entry;
  while (files && (entry = readdir(files))) {
    char path[PATH_MAX] = "/proc/self/map_files/", target[PATH_MAX];
    if (entry->d_name[0] == '.') continue;
    ssize_t n = readlink(strcat(path, entry->d_name), target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    foreign += strstr(target, "kvm") || strstr(target, "barchan") || n <= 0;
    own += strstr(target, "procfs_memory") != NULL;
  }
  CHECK(foreign == 0 && own >= 2);
  return guest_failed();
}
