#include "supervisor/breach.h"

#include <linux/fcntl.h>
#include <linux/ioctl.h>
#include <linux/poll.h>
#include <linux/seccomp.h>

#include "host/pass_descriptor.h"
#include "host/string.h"
#include "host/syscall.h"

namespace barchan::supervisor {
namespace {

constexpr u64 kUnix = 1, kStream = 1, kSocketCloseOnExec = 02000000;  // AF_UNIX, SOCK_*

// The kernel writes as much as it knows (seccomp_unotify(2)), and wants zeros before.
union Notification {
  seccomp_notif head;
  char room[1024];
};

// The last number in the line of /proc/PID/status that begins with `name`: of nested PID namespaces the innermost. 0: none.
i32 last_number(const char* status, const char* name) {
  const size_t size = strlen(name);
  for (const char* line = status; *line != 0;) {
    const char* end = line;
    while (*end != 0 && *end != '\n') end++;
    if (starts_with(line, name)) {
      const char* at = end;
      while (at > line + size && at[-1] >= '0' && at[-1] <= '9') at--;
      i64 value = 0;
      for (; at < end && value <= 0x7fffffff; at++) value = value * 10 + (*at - '0');
      return value <= 0x7fffffff ? static_cast<i32>(value) : 0;
    }
    line = *end == 0 ? end : end + 1;
  }
  return 0;
}

// The call still waits for an answer, so that its thread's number cannot have become another's.
bool waits(int listener, u64 id) {
  return host::call(__NR_ioctl, listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void find_process(u32 thread, Breach& breach) {
  char path[40];
  Text(path, sizeof path).str("/proc/").udec(thread).str("/status");
  const i64 fd = host::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  static char status[4096];  // the lines looked for are among the first
  const i64 size = host::call(__NR_read, fd, status, sizeof status - 1);
  host::call(__NR_close, fd);
  if (size <= 0) return;
  status[size] = 0;
  breach.process = last_number(status, "Tgid:");
  breach.guest_process = last_number(status, "NStgid:");
  breach.guest_thread = last_number(status, "NSpid:");
}

}  // namespace

i64 BreachWatch::open(int number) {
  int ends[2];
  i64 r = host::call(__NR_socketpair, kUnix, kStream | kSocketCloseOnExec, 0, ends);
  if (r < 0) return r;
  fd_ = ends[0];
  r = host::call(__NR_dup3, ends[1], number, 0);
  host::call(__NR_close, ends[1]);
  return r < 0 ? r : 0;
}

void BreachWatch::move(int number) {
  if (fd_ < 0 || fd_ == number) return;
  const i64 r = host::call(__NR_dup3, fd_, number, O_CLOEXEC);
  host::call(__NR_close, fd_);
  fd_ = r < 0 ? -1 : number;
}

void BreachWatch::close() {
  host::call(__NR_close, fd_);
  fd_ = -1;
}

bool BreachWatch::look(short events, Breach& breach) {
  if (!listening_) {
    const i64 listener = host::receive_descriptor(fd_);
    if (listener == -EAGAIN) return false;
    close();  // without a listener: the kernel ends whoever breaks the filter
    if (listener < 0) return false;
    fd_ = static_cast<int>(listener);
    listening_ = true;
    return false;
  }
  if (!(events & POLLIN)) {
    close();  // no process has the filter any more
    return false;
  }
  static Notification notification;
  memset(&notification, 0, sizeof notification);
  const i64 r = host::call(__NR_ioctl, fd_, SECCOMP_IOCTL_NOTIF_RECV, &notification);
  breach = {};
  // Its thread was killed or interrupted between poll and now.
  if (r < 0) return true;
  const seccomp_data& data = notification.head.data;
  breach.known = true;
  breach.call = data.nr;
  breach.architecture = data.arch;
  breach.instruction = data.instruction_pointer;
  memcpy(breach.arguments, data.args, sizeof breach.arguments);
  find_process(notification.head.pid, breach);
  if (!waits(fd_, notification.head.id)) breach.process = breach.guest_process = breach.guest_thread = 0;
  return true;
}

}  // namespace barchan::supervisor
