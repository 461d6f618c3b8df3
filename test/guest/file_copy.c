// Shows: sendfile, copy_file_range, splice, tee and vmsplice move the right bytes.
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "guest.h"

int main(void) {
  scratch();
  int in = MUST(open("in", O_RDWR | O_CREAT, 0600)), out = MUST(open("out", O_RDWR | O_CREAT, 0600));
  char block[20000], back[20000];
  for (unsigned i = 0; i < sizeof block; i++) block[i] = (char)(i * 13);
  MUST(write(in, block, sizeof block));
  off_t offset = 100;
  SHOW(sendfile(out, in, &offset, 5000));
  printf("offset %ld\n", offset);
  SHOW(pread(out, back, 5000, 0));
  CHECK(!memcmp(back, block + 100, 5000));
  lseek(in, 0, SEEK_SET);
  SHOW(sendfile(out, in, NULL, 100000));
  SHOW(lseek(in, 0, SEEK_CUR));
  SHOW(sendfile(out, in, (off_t*)8, 10));
  loff_t from = 10, to = 50000;
  SHOW(copy_file_range(in, &from, out, &to, 1000, 0));
  printf("from %ld to %ld\n", from, to);
  SHOW(pread(out, back, 1000, 50000));
  CHECK(!memcmp(back, block + 10, 1000));
  SHOW(copy_file_range(in, &from, out, &to, 1000, 1));
  int pipes[2], second[2];
  MUST(pipe(pipes));
  MUST(pipe(second));
  from = 0;
  SHOW(splice(in, &from, pipes[1], NULL, 8192, 0));
  SHOW(tee(pipes[0], second[1], 4096, 0));
  to = 60000;
  SHOW(splice(pipes[0], NULL, out, &to, 8192, 0));
  printf("from %ld to %ld\n", from, to);
  SHOW(pread(out, back, 8192, 60000));
  CHECK(!memcmp(back, block, 8192));
  SHOW(read(second[0], back, sizeof back));
  CHECK(!memcmp(back, block, 4096));
  struct iovec io[2] = {{block, 100}, {block + 1000, 200}};
  SHOW(vmsplice(pipes[1], io, 2, 0));
  SHOW(read(pipes[0], back, sizeof back));
  CHECK(!memcmp(back, block, 100) && !memcmp(back + 100, block + 1000, 200));
  struct iovec bad = {(void*)0xffff800000000000, 100};
  SHOW(vmsplice(pipes[1], &bad, 1, SPLICE_F_NONBLOCK));
  SHOW(splice(in, NULL, out, NULL, 10, 0));
  SHOW(splice(pipes[0], NULL, out, NULL, 10, SPLICE_F_NONBLOCK));
  return guest_failed();
}
