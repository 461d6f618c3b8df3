// Shows: vectored input and output: 1024 parts, more than the limit, odd lengths, offsets, bad parts.
#include <sys/uio.h>

#include "guest.h"

int main(void) {
  scratch();
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600));
  static struct iovec io[1025];
  static char data[1024 * 1024], back[1024 * 1024];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (char)(i * 7 + i / 1000);
  size_t offset = 0;
  for (size_t i = 0; i < 1024; i++) {
    io[i].iov_base = data + offset;
    io[i].iov_len = (i * 37) % 1900;
    offset += io[i].iov_len;
  }
  printf("total %zu\n", offset);
  SHOW(writev(fd, io, 1024));
  for (size_t i = 0; i < 1024; i++) io[i].iov_base = back + ((char*)io[i].iov_base - data);
  SHOW(preadv(fd, io, 1024, 0));
  CHECK(!memcmp(data, back, offset));
  memset(back, 0, sizeof back);
  lseek(fd, 100, SEEK_SET);
  SHOW(readv(fd, io, 500));
  SHOW(pwritev(fd, io, 10, 5));
  SHOW(preadv2(fd, io, 10, -1, 0));
  SHOW(preadv2(fd, io, 10, 0, 0x40000000));
  SHOW(writev(fd, io, 1025));
  SHOW(writev(fd, io, -1));
  SHOW(writev(fd, io, 0));
  SHOW(writev(fd, (struct iovec*)8, 1));
  SHOW(writev(fd, (struct iovec*)0xffff800000000000, 1));
  SHOW(writev(99, io, 1));
  struct iovec negative = {data, (size_t)-1};
  SHOW(writev(fd, &negative, 1));
  struct iovec overflow[2] = {{data, (size_t)1 << 62}, {data, (size_t)1 << 62}};
  SHOW(writev(fd, overflow, 2));
  struct iovec bad[3] = {{data, 10}, {(void*)0xffffffffff600000, 10}, {data, 10}};
  SHOW(writev(fd, bad, 3));
  struct iovec null_part[2] = {{NULL, 0}, {data, 10}};
  SHOW(writev(fd, null_part, 2));
  SHOW(lseek(fd, 0, SEEK_CUR));
  // One large write and read.
  size_t large = 48 << 20;
  char* block = MUST((char*)mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(block, 'L', large);
  SHOW(pwrite(fd, block, large, 0));
  memset(block, 0, large);
  SHOW(pread(fd, block, large, 0));
  CHECK(block[0] == 'L' && block[large - 1] == 'L');
  SHOW(pread(fd, block, 10, -5));
  return guest_failed();
}
