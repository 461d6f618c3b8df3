// Unmaps, protects and remaps buffers while other threads have the kernel read and write them.
// @technique T1499.004
// @weakness CWE-362
// @stopped-by gate
// @options {"policy":"compat"}
// @control none: what is shown is that the monitor outlives it
// @attempts 1
// @flags -pthread
#include <pthread.h>

#include "../attack.h"

static char* buffer;
static volatile int stop;

static void* change(void* unused) {
  while (!stop) {
    mprotect(buffer, 65536, PROT_NONE);
    mprotect(buffer, 65536, PROT_READ | PROT_WRITE);
    munmap(buffer + 8192, 16384);
    mmap(buffer + 8192, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    madvise(buffer, 65536, MADV_DONTNEED);
  }
  return unused;
}
static void* use(void* unused) {
  int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY), pair[2];
  socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
  while (!stop) {
    read(zero, buffer, 65536);
    write(null, buffer, 65536);
    struct iovec* v = (struct iovec*)(buffer + 8192);
    readv(zero, v, 8);
    struct msghdr* m = (struct msghdr*)(buffer + 12288);
    sendmsg(pair[0], m, 0);
    recvmsg(pair[1], m, 0);
    open(buffer + 8192, O_RDONLY);
    syscall(SYS_execve, buffer + 8192, buffer + 12288, buffer);
  }
  return unused;
}

int main(void) {
  buffer = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_t threads[3];
  CONTROL("thread", -pthread_create(&threads[0], NULL, change, NULL));
  CONTROL("thread", -pthread_create(&threads[1], NULL, use, NULL));
  CONTROL("thread", -pthread_create(&threads[2], NULL, use, NULL));
  usleep(1500000);
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  say_stopped("races", "survived");
  return 0;
}
