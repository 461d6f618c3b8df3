#include "runtime/fail.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#include "host/syscall.h"
#include "runtime/json.h"

namespace barchan::runtime {
namespace {

const char* log_file;
bool log_json;

struct Time {
  i64 seconds, nanoseconds;
};

void two_digits(Output& out, i64 n) {
  out.put(static_cast<char>('0' + n / 10 % 10)).put(static_cast<char>('0' + n % 10));
}

// RFC 3339 in UTC. Days to civil date: the year begins in March, so that the leap day is its last.
void put_now(Output& out) {
  Time now = {};
  host::call(__NR_clock_gettime, CLOCK_REALTIME, &now);
  const i64 days = now.seconds / 86400 + 719468, second = now.seconds % 86400;
  const i64 era = days / 146097, day_of_era = days % 146097;
  const i64 year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const i64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const i64 shifted = (5 * day_of_year + 2) / 153, month = shifted < 10 ? shifted + 3 : shifted - 9;
  out.dec(year_of_era + era * 400 + (month <= 2)).put('-');
  two_digits(out, month);
  out.put('-');
  two_digits(out, day_of_year - (153 * shifted + 2) / 5 + 1);
  out.put('T');
  two_digits(out, second / 3600);
  out.put(':');
  two_digits(out, second / 60 % 60);
  out.put(':');
  two_digits(out, second % 60);
  out.put('Z');
}

void write_all(i64 fd, Slice text) {
  while (text.size != 0) {
    const i64 n = host::call(__NR_write, fd, text.data, text.size);
    if (n == -EINTR) continue;
    if (n <= 0) return;
    text = text.from(static_cast<size_t>(n));
  }
}

void write_log(const char* message) {
  const i64 fd = host::call(__NR_openat, AT_FDCWD, log_file,
                            O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
  if (fd < 0) return;
  Output line(memory());
  line.add(log_json ? "{\"level\":\"error\",\"msg\":" : "time=\"");
  if (log_json) {
    json::write_string(message, line);
    line.add(",\"time\":\"");
    put_now(line);
    line.add("\"}\n");
  } else {
    put_now(line);
    line.add("\" level=error msg=");
    json::write_string(message, line);
    line.put('\n');
  }
  write_all(fd, line.text());
  host::call(__NR_close, fd);
}

}  // namespace

Arena& memory() {
  // Never destroyed: a freestanding program has nobody to run destructors at its end.
  alignas(Arena) static unsigned char place[sizeof(Arena)];
  return *reinterpret_cast<Arena*>(place);
}

void log_to(const char* file, bool json) {
  log_file = file;
  log_json = json;
}

void fail_with(const char* message) {
  if (log_file != nullptr) write_log(message);
  write_all(2, memory().join("barchan-runtime: ", message, "\n"));
  for (;;) host::call(__NR_exit_group, 1);
}

const char* error_text(i64 error) {
  switch (-error) {
    case EPERM: return "operation not permitted";
    case ENOENT: return "no such file or directory";
    case EIO: return "input/output error";
    case EBADF: return "bad file descriptor";
    case ENOMEM: return "out of memory";
    case EACCES: return "permission denied";
    case EBUSY: return "device or resource busy";
    case EEXIST: return "file exists";
    case ENODEV: return "no such device";
    case ENXIO: return "no such device or address";
    case ENOTDIR: return "not a directory";
    case EISDIR: return "is a directory";
    case EINVAL: return "invalid argument";
    case ENFILE: return "too many open files in the system";
    case EMFILE: return "too many open files";
    case EFBIG: return "file too large";
    case ENOSPC: return "no space left on device";
    case EROFS: return "read-only file system";
    case ENAMETOOLONG: return "file name too long";
    case ENOSYS: return "function not implemented";
    case ENOTEMPTY: return "directory not empty";
    case ELOOP: return "too many levels of symbolic links";
    case ENOEXEC: return "exec format error";
    default: break;
  }
  Output out(memory());
  out.add("error ").dec(-error);
  return out.string();
}

}  // namespace barchan::runtime
