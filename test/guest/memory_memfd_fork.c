// Shows: a memfd is shared memory between a parent and forked children, and its seals hold.
#include "guest.h"

int main(void) {
  int fd = OK(memfd_create("shared", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  SHOW(ftruncate(fd, 16 * 4096));
  int* counter = MUST((int*)mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  for (int i = 0; i < 4; i++) {
    pid_t child = MUST(fork());
    if (!child) {
      for (int n = 0; n < 1000; n++) __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
      int* mine = MUST((int*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096 * (i + 1)));
      *mine = i + 100;
      _exit(0);
    }
  }
  for (int i = 0; i < 4; i++) MUST(wait(NULL));
  printf("counter %d\n", *counter);
  for (int i = 0; i < 4; i++) printf("page %d\n", counter[1024 * (i + 1)]);
  SHOW(fcntl(fd, F_GET_SEALS));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
  SHOW(ftruncate(fd, 4096));
  SHOW(ftruncate(fd, 1 << 20));
  SHOW(munmap(counter, 16 * 4096));
  SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
  SHOW(write(fd, "x", 1));
  SHOW(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  int* view = OK((int*)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
  printf("view %d\n", *view);
  SHOW(memfd_create("x", 0x8000));
  return guest_failed();
}
