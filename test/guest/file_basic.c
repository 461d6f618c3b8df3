// Shows: open flags and modes, reads and writes at offsets, truncation, stat, access, and their errors.
// run: both
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "guest.h"

int main(void) {
  scratch();
  umask(022);
  int fd = OK(open("file", O_RDWR | O_CREAT | O_EXCL, 0666));
  SHOW(open("file", O_RDWR | O_CREAT | O_EXCL, 0666));
  SHOW(write(fd, "0123456789", 10));
  SHOW(lseek(fd, -4, SEEK_END));
  char text[64] = "";
  SHOW(read(fd, text, 60));
  puts(text);
  SHOW(pread(fd, text, 3, 2));
  SHOW(pwrite(fd, "XY", 2, 20));
  SHOW(lseek(fd, 0, SEEK_CUR));
  struct stat st;
  SHOW(fstat(fd, &st));
  printf("size %ld mode %o links %lu blocks %d\n", st.st_size, st.st_mode, (unsigned long)st.st_nlink, st.st_blocks > 0);
  SHOW(ftruncate(fd, 5));
  SHOW(lseek(fd, 0, SEEK_END));
  SHOW(truncate("file", 100));
  SHOW(ftruncate(fd, -1));
  SHOW(lseek(fd, -1, SEEK_SET));
  SHOW(lseek(fd, 0, 99));
  int append = MUST(open("file", O_WRONLY | O_APPEND));
  SHOW(write(append, "end", 3));
  SHOW(lseek(append, 0, SEEK_CUR));
  SHOW(read(append, text, 1));
  SHOW(open("file", O_RDONLY | O_DIRECTORY));
  SHOW(open(".", O_RDWR));
  SHOW(open("missing", O_RDONLY));
  SHOW(open("file/x", O_RDONLY));
  char* long_name = malloc(5001);
  memset(long_name, 'n', 5000);
  long_name[5000] = 0;
  SHOW(open(long_name, O_RDONLY));
  long_name[300] = 0;
  SHOW(open(long_name, O_RDONLY));
  SHOW(open("", O_RDONLY));
  SHOW(read(99, text, 1));
  SHOW(read(-1, text, 1));
  SHOW(close(99));
  SHOW(write(MUST(open("file", O_RDONLY)), "x", 1));
  SHOW(access("file", R_OK | W_OK));
  SHOW(access("missing", F_OK));
  SHOW(chmod("file", 0640));
  SHOW(stat("file", &st));
  printf("mode %o\n", st.st_mode);
  struct timespec times[2] = {{1000000000, 5}, {1000000001, 7}};
  SHOW(utimensat(AT_FDCWD, "file", times, 0));
  SHOW(stat("file", &st));
  printf("times %ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  SHOW(stat("/dev/null", &st));
  printf("device %u:%u\n", major(st.st_rdev), minor(st.st_rdev));
  struct statx sx;
  SHOW(statx(AT_FDCWD, "file", 0, STATX_SIZE | STATX_MODE, &sx));
  printf("statx %llu %o\n", (unsigned long long)sx.stx_size, sx.stx_mode);
  SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
  SHOW(statx(AT_FDCWD, "file", 0x100000, STATX_SIZE, &sx));
  struct statfs fs;
  SHOW(statfs("/proc", &fs));
  printf("proc %lx\n", (long)fs.f_type);
  SHOW(fsync(fd));
  SHOW(fdatasync(fd));
  SHOW(fallocate(fd, 0, 0, 8192));
  SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 8192));
  SHOW(fstat(fd, &st));
  printf("size %ld\n", st.st_size);
  SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
  return guest_failed();
}
