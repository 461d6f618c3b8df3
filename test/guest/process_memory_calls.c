// Shows: process_vm_readv, process_vm_writev, process_madvise, move_pages and migrate_pages of the own process.
// run: both ; timeout 60s
#include <sys/uio.h>

#include "guest.h"

#define PAGE 4096ul
#define READ(...) SHOW(syscall(SYS_process_vm_readv, __VA_ARGS__))
#define WRITE(...) SHOW(syscall(SYS_process_vm_writev, __VA_ARGS__))
#define ADVISE(...) SHOW(syscall(SYS_process_madvise, __VA_ARGS__))
#define MOVE(...) SHOW(syscall(SYS_move_pages, __VA_ARGS__))
#define MIGRATE(...) SHOW(syscall(SYS_migrate_pages, __VA_ARGS__))

static char* pages(unsigned n) {
  return MUST(mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void* other_thread(void* text) {
  pid_t self = getpid();
  char into[8] = "";
  struct iovec local = {into, 5}, remote = {text, 5};
  READ(self, &local, 1, &remote, 1, 0);
  READ(gettid(), &local, 1, &remote, 1, 0);
  puts(into);
  return NULL;
}

static void copies(void) {
  pid_t self = getpid();
  char a[16] = "hello, reader", b[16] = "";
  struct iovec local[2] = {{b, 4}, {b + 8, 4}}, remote[3] = {{a, 3}, {a + 7, 6}, {NULL, 0}};
  READ(self, local, 2, remote, 2, 0);
  printf("%.4s %.4s\n", b, b + 8);
  WRITE(self, local, 2, remote, 2, 0);
  READ(self, local, 1, remote, 3, 0);
  READ(self, local, 0, remote, 1, 0);
  READ(self, local, 1, remote, 0, 0);
  READ(self, local, 1, remote, 1, 1);
  READ(0, local, 1, remote, 1, 0);
  READ(-1, local, 1, remote, 1, 0);
  READ(0x7fffffff, local, 1, remote, 1, 0);
  READ(0x7fffffff, local, 1, remote, 0, 0);
  READ(self, local, 2000, remote, 1, 0);
  READ(self, local, 1, remote, 2000, 0);
  READ(self, NULL, 1, remote, 1, 0);
  READ(self, local, 1, NULL, 1, 0);
  READ(self, local, 1, (void*)-PAGE, 1, 0);
  remote[0].iov_len = -1ul;
  READ(self, local, 1, remote, 1, 0);
  remote[0].iov_len = 3;
  local[0].iov_len = -1ul;
  READ(self, local, 1, remote, 1, 0);
  local[0] = (struct iovec){b, 16};
  remote[1] = (struct iovec){(void*)8, 5};
  READ(self, local, 1, remote, 2, 0);
  remote[0] = (struct iovec){(void*)8, 5};
  READ(self, local, 1, remote, 1, 0);
  remote[0] = (struct iovec){(void*)-PAGE, 5};
  READ(self, local, 1, remote, 1, 0);
  remote[0] = (struct iovec){(void*)0x7ffffffff000, 5};
  READ(self, local, 1, remote, 1, 0);
  remote[0] = (struct iovec){a, 13};
  local[0] = (struct iovec){(void*)8, 16};
  READ(self, local, 1, remote, 1, 0);
  local[0] = (struct iovec){(void*)-PAGE, 16};
  READ(self, local, 1, remote, 1, 0);
  char* p = pages(4);
  memset(p, 'p', 4 * PAGE);
  munmap(p + 2 * PAGE, PAGE);
  char* q = pages(4);
  remote[0] = (struct iovec){p + PAGE, 3 * PAGE};
  local[0] = (struct iovec){q, 4 * PAGE};
  READ(self, local, 1, remote, 1, 0);
  remote[0] = (struct iovec){p, 2 * PAGE};
  MUST(mprotect(p + PAGE, PAGE, PROT_READ));
  WRITE(self, local, 1, remote, 1, 0);
  MUST(mprotect(p + PAGE, PAGE, PROT_NONE));
  READ(self, local, 1, remote, 1, 0);
  READ(1, local, 0, remote, 1, 0);
  pthread_t thread;
  pthread_create(&thread, NULL, other_thread, "later");
  pthread_join(thread, NULL);
}

static void advice(void) {
  char* p = pages(8);
  memset(p, 5, 8 * PAGE);
  struct iovec v[3] = {{p, PAGE}, {p + 2 * PAGE, 2 * PAGE}, {p + 6 * PAGE, PAGE}};
  int self = MUST(syscall(SYS_pidfd_open, getpid(), 0));
  ADVISE(self, v, 3, MADV_COLD, 0);
  ADVISE(self, v, 3, MADV_PAGEOUT, 0);
  ADVISE(self, v, 3, MADV_WILLNEED, 0);
  ADVISE(self, v, 3, MADV_DONTNEED, 0);
  printf("%d %d %d %d %d\n", p[0], p[PAGE], p[3 * PAGE], p[5 * PAGE], p[6 * PAGE]);
  ADVISE(self, v, 2, 102, 0);
  ADVISE(self, v, 2, 103, 0);
  ADVISE(self, v, 3, 9999, 0);
  ADVISE(self, v, 3, MADV_COLD, 1);
  ADVISE(self, v, 0, MADV_COLD, 0);
  ADVISE(self, v, 2000, MADV_COLD, 0);
  ADVISE(self, NULL, 1, MADV_COLD, 0);
  ADVISE(99, v, 1, MADV_COLD, 0);
  ADVISE(0, v, 1, MADV_COLD, 0);
  ADVISE(-1, v, 1, MADV_COLD, 0);
  ADVISE(-10000, v, 1, MADV_COLD, 0);
  ADVISE(-10001, v, 1, MADV_COLD, 0);
  v[1].iov_base = p + 1;
  ADVISE(self, v, 3, MADV_COLD, 0);
  v[0].iov_base = p + 1;
  ADVISE(self, v, 3, MADV_COLD, 0);
  v[0].iov_base = NULL;
  ADVISE(self, v, 1, MADV_COLD, 0);
  v[0].iov_base = (void*)-PAGE;
  ADVISE(self, v, 1, MADV_COLD, 0);
  v[0].iov_len = -1ul;
  ADVISE(self, v, 1, MADV_COLD, 0);
}

static void nodes(void) {
  char* p = pages(8);
  memset(p, 1, 2 * PAGE);
  void* where[4] = {p, p + PAGE, p + 5 * PAGE, NULL};
  int status[4] = {77, 77, 77, 77}, node[4] = {0, 0, 0, 0};
  MOVE(0, 4, where, NULL, status, 0);
  printf("%d %d %d %d\n", status[0], status[1], status[2], status[3]);
  MOVE(getpid(), 2, where, node, status, 2);
  printf("%d %d\n", status[0], status[1]);
  node[1] = 999;
  MOVE(0, 2, where, node, status, 2);
  where[1] = (void*)-PAGE;
  MOVE(0, 2, where, NULL, status, 0);
  printf("%d %d\n", status[0], status[1]);
  MOVE(0, 0, NULL, NULL, NULL, 0);
  MOVE(0, 1, NULL, NULL, status, 0);
  MOVE(0, 1, where, (void*)8, status, 0);
  MOVE(0, 1, where, NULL, NULL, 0);
  MOVE(0, 1, where, NULL, status, 99);
  MOVE(0x7fffffff, 1, where, NULL, status, 0);
  void* many[700];
  int states[700];
  for (int i = 0; i < 700; i++) many[i] = p;
  MOVE(0, 700, many, NULL, states, 0);
  printf("%d %d\n", states[0], states[699]);
  unsigned long mask = 1;
  MIGRATE(0, 2, &mask, &mask);
  MIGRATE(getpid(), 64, &mask, &mask);
  MIGRATE(0, 64, NULL, NULL);
  MIGRATE(0, 64, (void*)8, &mask);
  MIGRATE(0, 64, &mask, (void*)-PAGE);
  MIGRATE(0, -1ul, &mask, &mask);
  MIGRATE(0x7fffffff, 64, &mask, &mask);
}

int main(void) {
  for (int i = 3; i < 64; i++) close(i);
  copies();
  advice();
  nodes();
  return 0;
}
