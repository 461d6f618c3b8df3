// What a guest must never see: descriptors past its limit, addresses past its arena.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"

void leak(const char* format, ...) {
  if (atomic_fetch_add(&shared->leaks, 1) >= 20) return;  // seen enough
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text - 1, format, arguments);
  va_end(arguments);
  if (size > (int)sizeof text - 2) size = sizeof text - 2;
  text[size] = '\n';
  if (write(STDOUT_FILENO, text, (size_t)size + 1) < 0) _exit(3);
}

// Text of some letters looks like an address of that range; small numbers side by side do as well.
static bool could_be_an_address(uint64_t word) {
  if (word < ARENA_END || word >= USER_END) return false;
  if ((uint16_t)word == 0 || (uint16_t)(word >> 16) == 0) return false;
  for (int i = 0; i < far_address_count; i++) {
    // Its lower half may have been written over since.
    if (word >> 32 == far_addresses[i] >> 32) return false;
  }
  int printable = 0;
  for (int i = 0; i < 6; i++) {
    const uint8_t byte = (uint8_t)(word >> 8 * i);
    printable += byte >= 0x20 && byte < 0x7f;
  }
  return printable < 4;
}

void leaks_in_memory(const struct call* call) {
  const uint64_t *first, *last;
  const uint32_t number = (uint32_t)call->number;
  // Random bytes; or 16 bits here and there, which make new words of those before.
  const bool patches = number == SYS_poll || number == SYS_ppoll || number == SYS_getrandom;
  data_span(&first, &last);
  for (const uint64_t* p = first; p < last; p++) {
    const uint64_t word = *(const volatile uint64_t*)p;
    if (!could_be_an_address(word)) continue;
    if (!patches) leak("LEAK: call %u left %#lx in memory", number, word);
    *(volatile uint64_t*)p = 0;
  }
}

static bool exists(int fd) {
  char path[40];
  struct stat status;
  if (syscall(SYS_fcntl, fd, F_GETFD, 0) != -1 || errno != EBADF) return true;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (syscall(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0) return true;
  return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

// The numbers next to the limit, and the monitor's.
static int polled_fd(int i) {
  return (int)(i < kFdLimit ? (uint32_t)kFdLimit : shared->fd_base - kFdLimit) + i;
}

void leaks_in_descriptors(struct random* r) {
  for (int i = 0; i < 12; i++) {
    const int fd = i == 0  ? (int)(kFdLimit + below(r, 8))
                   : i < 6 ? (int)(shared->fd_base + below(r, 24))
                           : (int)(kFdLimit + below(r, 1 << below(r, 20)));
    if (exists(fd)) leak("LEAK: descriptor %d exists", fd);
  }
  enum { kMost = 4 * kFdLimit };
  static struct pollfd polled[kMost];
  for (int i = 0; i < kMost; i++) polled[i] = (struct pollfd){polled_fd(i), POLLIN, 0};
  // The limit is lower than what is asked about, so in parts.
  struct rlimit limit;
  if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) != 0 || limit.rlim_cur == 0) return;
  const int step = limit.rlim_cur < kFdLimit ? (int)limit.rlim_cur : kFdLimit;
  for (int at = kMost - kMost % step - step; at >= 0; at -= step) {
    if (syscall(SYS_poll, polled + at, step, 0) < 0) break;
    for (int i = at; i < at + step; i++) {
      if (polled[i].revents != POLLNVAL) leak("LEAK: descriptor %d can be polled", polled[i].fd);
    }
  }
}

// Lists by hand: opendir() allocates, and calls may have ruined the heap.
static void leaks_in_listing(const char* path) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  char bytes[2048] __attribute__((aligned(8)));
  for (long size; (size = syscall(SYS_getdents64, fd, bytes, sizeof bytes)) > 0;) {
    for (long at = 0; at < size;) {
      const struct dirent64* entry = (const struct dirent64*)(bytes + at);
      at += entry->d_reclen;
      if (entry->d_name[0] != '.' && atoi(entry->d_name) >= kFdLimit)
        leak("LEAK: %s has %s", path, entry->d_name);
    }
  }
  close(fd);
}

void leaks_in_proc(void) {
  leaks_in_listing("/proc/self/fd");
  leaks_in_listing("/proc/thread-self/fdinfo");
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  static char text[1 << 16];
  size_t size = 0;
  for (long n; (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += (size_t)n;
  close(fd);
  text[size] = 0;
  for (char* line = text; *line;) {
    char* end = strchr(line, '\n');
    if (!end) break;
    *end = 0;
    const uint64_t start = strtoull(line, NULL, 16);
    if (start >= ARENA_END && start < USER_END) leak("LEAK: /proc/self/maps has %s", line);
    if (strstr(line, "barchan-monitor") || strstr(line, "kvm-")) leak("LEAK: /proc/self/maps has %s", line);
    line = end + 1;
  }
}
