// Shows: SysV shared memory: attach, share across fork, attach read-only, detach, remove, and the errors.
#include <sys/ipc.h>
#include <sys/shm.h>

#include "guest.h"

int main(void) {
  trap_install();
  int id = OK(shmget(IPC_PRIVATE, 5000, IPC_CREAT | 0600));
  char* a = OK((char*)shmat(id, NULL, 0));
  char* b = OK((char*)shmat(id, NULL, SHM_RDONLY));
  strcpy(a, "hello");
  puts(b);
  TRAP("read-only attach", b, *(volatile char*)b = 1);
  CHECK(a[8191] == 0);
  TRAP("past the segment", a, (void)*(volatile char*)(a + 3 * 4096 * 64));
  pid_t child = MUST(fork());
  if (!child) {
    strcpy(a, "from the child");
    _exit(shmdt(a));
  }
  reap("child", child);
  puts(b);
  struct shmid_ds info;
  SHOW(shmctl(id, IPC_STAT, &info));
  printf("size %zu attached %d\n", info.shm_segsz, (int)info.shm_nattch);
  SHOW(shmdt(b));
  TRAP("detached", b, (void)*(volatile char*)b);
  SHOW(shmdt(b));
  SHOW(shmdt(a + 1));
  char* area = MUST((char*)mmap(NULL, 64 << 10, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW(shmat(id, area + 1, 0));
  SHOW(shmat(id, area, 0));
  CHECK(shmat(id, area, SHM_REMAP) == area);
  puts(area);
  MUST(munmap(area + (32 << 10), 4096));
  CHECK(shmat(id, area + 9, SHM_RND | SHM_REMAP) == area);
  SHOW(shmdt(area));
  SHOW(shmctl(id, IPC_RMID, NULL));
  puts(a);
  SHOW(shmdt(a));
  SHOW(shmat(id, NULL, 0));
  SHOW(shmget(0x7eadbeef, 100, 0));
  return guest_failed();
}
