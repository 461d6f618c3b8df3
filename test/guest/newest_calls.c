// Shows: calls of Linux 6.5 to 6.17: futex_wake, futex_wait, futex_requeue, listmount, statmount, lsm_*, xattrs at a descriptor, file attributes; on an older kernel they are ENOSYS here and there.
// run: both ; timeout 60s
#include <linux/futex.h>
#include <linux/limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "guest.h"

#define CALL(...) SHOW(syscall(__VA_ARGS__))
enum {
  kWake = 454,
  kWait,
  kRequeue,
  kStatmount,
  kListmount,
  kGetAttr,
  kSetAttr,
  kListModules,
  kSetxattrat = 463,
  kGetxattrat,
  kListxattrat,
  kRemovexattrat,
  kFileGetattr = 468,
  kFileSetattr
};
enum { k32 = 2, kPrivate = 128 };

static uint32_t word, other;
static void* waiter(void* which) {
  long r = syscall(kWait, which, 0, ~0u, k32 | kPrivate, NULL, CLOCK_MONOTONIC);
  return (void*)(r == 0 || errno == EAGAIN ? 0l : (long)errno);
}

static void futexes(void) {
  struct timespec past = {1, 0};
  CALL(kWake, &word, ~0u, 1, k32 | kPrivate);
  CALL(kWake, &word, 0, 1, k32 | kPrivate);
  CALL(kWake, &word, ~0u, 1, 99);
  CALL(kWake, (char*)&word + 1, ~0u, 1, k32);
  CALL(kWake, NULL, ~0u, 1, k32);
  CALL(kWake, -4096l, ~0u, 1, k32);
  CALL(kWait, &word, 1, ~0u, k32, NULL, CLOCK_MONOTONIC);
  CALL(kWait, &word, 0, ~0u, k32, &past, CLOCK_MONOTONIC);
  CALL(kWait, &word, 0, ~0u, k32, &past, CLOCK_REALTIME);
  CALL(kWait, &word, 0, ~0u, k32, &past, 77);
  CALL(kWait, &word, 0, ~0u, k32, (void*)8, CLOCK_MONOTONIC);
  CALL(kWait, &word, 1ul << 40, ~0u, k32, NULL, CLOCK_MONOTONIC);
  CALL(kWait, (void*)8, 0, ~0u, k32, NULL, CLOCK_MONOTONIC);
  struct futex_waitv pair[2] = {{0, (uintptr_t)&word, k32 | kPrivate, 0},
                                {0, (uintptr_t)&other, k32 | kPrivate, 0}};
  CALL(kRequeue, pair, 0, 1, 1);
  CALL(kRequeue, pair, 1, 1, 1);
  CALL(kRequeue, NULL, 0, 1, 1);
  CALL(kRequeue, (void*)8, 0, 1, 1);
  pair[0].val = 5;
  CALL(kRequeue, pair, 0, 1, 1);
  pair[0].val = 0;
  pair[1].uaddr = -4096l;
  CALL(kRequeue, pair, 0, 1, 1);
  pair[1].uaddr = 0;
  CALL(kRequeue, pair, 0, 1, 1);
  pair[1].uaddr = (uintptr_t)&other;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, waiter, &word);
  long woken = 0, moved = 0;
  for (int i = 0; i < 5000 && woken + moved < 4; i++) {
    long r = syscall(kRequeue, pair, 0, 1, 3);
    if (r < 0) break;
    moved += r;
    usleep(1000);
  }
  for (int i = 0; i < 5000; i++) {  // until all have left
    woken += syscall(kWake, &other, ~0u, 4, k32 | kPrivate);
    word = 1;
    syscall(kWake, &word, ~0u, 4, k32 | kPrivate);
    usleep(100);
    if (i > 100 && woken >= 1) break;
  }
  long bad = 0;
  for (int i = 0; i < 4; i++) {
    void* result;
    pthread_join(threads[i], &result);
    bad |= (long)result;
  }
  printf("waiters ended: %ld\n", bad);
}

static void mounts(void) {
  struct {
    uint32_t size, spare;
    uint64_t id, param, ns;
  } request = {.size = 24, .id = ~0ul};
  uint64_t ids[64];
  uint64_t buffer[512];
  long n = OK(syscall(kListmount, &request, ids, 64, 0));
  CHECK(n > 0 || errno == ENOSYS);
  CALL(kListmount, &request, NULL, 4, 0);
  CALL(kListmount, &request, (void*)-4096l, 4, 0);
  CALL(kListmount, &request, ids, ~0ul, 0);
  CALL(kListmount, &request, ids, 4, 0x80);
  CALL(kListmount, NULL, ids, 4, 0);
  request.size = 8;
  CALL(kListmount, &request, ids, 4, 0);
  request.size = 5000;
  CALL(kListmount, &request, ids, 4, 0);
  request.size = 24;
  request.id = ids[0];
  request.param = 2;  // STATMOUNT_MNT_BASIC
  CALL(kStatmount, &request, buffer, sizeof buffer, 0);
  request.param = 2 | 0x10 | 0x20;  // the mount point and the type
  CALL(kStatmount, &request, buffer, sizeof buffer, 0);
  CALL(kStatmount, &request, buffer, 8, 0);
  CALL(kStatmount, &request, buffer, sizeof buffer, 1);
  CALL(kStatmount, &request, (void*)8, sizeof buffer, 0);
  request.id = 1;
  CALL(kStatmount, &request, buffer, sizeof buffer, 0);
}

static void modules(void) {
  uint32_t size = 512;
  uint64_t ids[64];
  OK(syscall(kListModules, ids, &size, 0));
  CALL(kListModules, ids, &size, 1);
  CALL(kListModules, ids, NULL, 0);
  size = 0;
  CALL(kListModules, ids, &size, 0);
  size = 512;
  CALL(kGetAttr, 100, ids, &size, 0);
  CALL(kGetAttr, 102, ids, &size, 0);
  CALL(kGetAttr, 999, ids, &size, 0);
  CALL(kGetAttr, 100, ids, NULL, 0);
  CALL(kGetAttr, 100, (void*)8, &size, 99);
}

static void attributes(void) {
  struct {
    uint64_t value;
    uint32_t size, flags;
    uint64_t more;
  } a = {(uintptr_t) "value", 5, 0, 0};
  char text[64] = "";
  int fd = MUST(open("file", O_RDWR | O_CREAT, 0600)), here = MUST(open(".", O_RDONLY | O_DIRECTORY));
  MUST(symlink("file", "link"));
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  CALL(kSetxattrat, here, "link", 0, "user.b", &a, 16);
  CALL(kSetxattrat, here, "link", AT_SYMLINK_NOFOLLOW, "user.b", &a, 16);
  CALL(kSetxattrat, fd, "", AT_EMPTY_PATH, "user.c", &a, 24);
  CALL(kSetxattrat, fd, NULL, AT_EMPTY_PATH, "user.d", &a, 16);
  CALL(kSetxattrat, fd, "", 0, "user.c", &a, 16);
  CALL(kSetxattrat, AT_FDCWD, "none", 0, "user.a", &a, 16);
  CALL(kSetxattrat, AT_FDCWD, "none", AT_EMPTY_PATH, "user.a", &a, 16);
  CALL(kSetxattrat, AT_FDCWD, "file", 0x40, "user.a", &a, 16);
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 8);
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 5000);
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", (void*)8, 16);
  a.more = 1;
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 24);
  a.more = 0;
  a.flags = 1;
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  a.flags = 99;
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  a.flags = 0;
  a.value = -4096l;
  CALL(kSetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  a.value = (uintptr_t)text;
  a.size = sizeof text;
  CALL(kGetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  printf("%s\n", text);
  CALL(kGetxattrat, AT_FDCWD, "/proc/self/fd/3", 0, "user.b", &a, 16);
  CALL(kGetxattrat, AT_FDCWD, "file", 0, "user.zzz", &a, 16);
  a.size = 2;
  CALL(kGetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  a.size = 0;
  CALL(kGetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  a.flags = 1;
  CALL(kGetxattrat, AT_FDCWD, "file", 0, "user.a", &a, 16);
  CALL(kListxattrat, AT_FDCWD, "file", 0, text, sizeof text);
  CALL(kListxattrat, fd, "", AT_EMPTY_PATH, text, sizeof text);
  CALL(kListxattrat, AT_FDCWD, "file", 0, text, 2);
  CALL(kListxattrat, AT_FDCWD, "file", 0, NULL, 0);
  CALL(kListxattrat, AT_FDCWD, "file", 7, text, sizeof text);
  CALL(kRemovexattrat, AT_FDCWD, "link", 0, "user.a");
  CALL(kRemovexattrat, AT_FDCWD, "link", 0, "user.a");
  CALL(kRemovexattrat, fd, "", AT_EMPTY_PATH, "user.b");
  struct {
    uint64_t xflags;
    uint32_t extsize, nextents, projid, cowextsize;
    uint64_t more;
  } f = {0};
  CALL(kFileGetattr, AT_FDCWD, "file", &f, 24, 0);
  CALL(kFileGetattr, AT_FDCWD, "file", &f, 32, 0);
  CALL(kFileGetattr, fd, "", &f, 24, AT_EMPTY_PATH);
  CALL(kFileGetattr, AT_FDCWD, "file", &f, 8, 0);
  CALL(kFileGetattr, AT_FDCWD, "file", &f, 5000, 0);
  CALL(kFileGetattr, AT_FDCWD, "file", &f, 24, 7);
  CALL(kFileGetattr, AT_FDCWD, "none", &f, 24, 0);
  CALL(kFileGetattr, AT_FDCWD, "file", (void*)8, 24, 0);
  CALL(kFileSetattr, AT_FDCWD, "file", &f, 24, 0);
  f.more = 3;
  CALL(kFileSetattr, AT_FDCWD, "file", &f, 32, 0);
  CALL(kFileSetattr, AT_FDCWD, "none", &f, 24, 0);
}

int main(void) {
  scratch();
  for (int i = 3; i < 256; i++) close(i);
  attributes();
  futexes();
  mounts();
  modules();
  return guest_failed();
}
