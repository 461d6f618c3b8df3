// Attempts that must fail. Each prints "NAME: ERRNO", or "NAME: DONE" when it succeeded; the test refuses DONE.
// What must work, so that a failure of everything is no success, prints "control NAME: DONE" or an error.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void report(const char* kind, const char* name, long result) {
  printf("%s%s: %s\n", kind, name, result >= 0 ? "DONE" : strerrorname_np(errno));
  fflush(stdout);
}
// `call` is negative with errno set when it fails.
#define ATTEMPT(name, call) (errno = 0, report("", name, (long)(call)))
#define CONTROL(name, call) (errno = 0, report("control ", name, (long)(call)))
// For conditions: true means that the attack worked.
#define MUST_NOT(name, condition) (errno = EPERM, report("", name, (condition) ? 0 : -1))

static inline int write_to(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return n == (ssize_t)strlen(text) ? 0 : -1;
}

// Bytes read, or -1; 0 bytes are ENODATA.
static inline int read_from(const char* path) {
  char buffer[256];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  ssize_t n = read(fd, buffer, sizeof buffer);
  int error = n == 0 ? ENODATA : errno;
  close(fd);
  errno = error;
  return n > 0 ? (int)n : -1;
}
