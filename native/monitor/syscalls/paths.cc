#include "monitor/syscalls/paths.h"

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "abi/layout.h"
#include "host/uaccess.h"
#include "monitor/fds.h"

namespace barchan::files {

namespace {

// As stat(2) encodes them (Documentation/admin-guide/devices.txt).
constexpr u64 kKvmDevice = (10u << 8) | 232;
constexpr u64 kHostDevices[] = {1u << 8 | 1, 1u << 8 | 2, 1u << 8 | 4,
                                1u << 8 | 11};  // mem, kmem, port, kmsg

constexpr u64 device_major(u64 device) { return (device >> 8) & 0xfff; }

constexpr PrivateFd kFiles[] = {kFdStart, kFdExecState, kFdPolicy};
constexpr PrivateFd kPipes[] = {kFdTrace, kFdReport};

bool identity_of(int fd, struct stat& status) { return host::call(__NR_fstat, fd, &status) == 0; }

}  // namespace

i64 GuestPath::load(u64 guest) {
  i64 length = string_from_guest(text, guest, sizeof text);
  if (length < 0) {
    text[0] = 0;
    size = 0;
    return length;
  }
  size = static_cast<size_t>(length);
  return 0;
}

i64 GuestPath::assign(const char* from, size_t length) {
  if (length >= sizeof text) return -ENAMETOOLONG;
  memmove(text, from, length);
  text[length] = 0;
  size = length;
  return 0;
}

size_t GuestPath::name_start() const {
  size_t end = size;
  while (end > 0 && text[end - 1] == '/') end--;
  while (end > 0 && text[end - 1] != '/') end--;
  return end;
}

size_t GuestPath::name_size() const {
  size_t end = size;
  while (end > 0 && text[end - 1] == '/') end--;
  return end - name_start();
}

bool GuestPath::name_is(const char* what) const {
  size_t length = strlen(what);
  return name_size() == length && memcmp(name(), what, length) == 0;
}

i64 GuestPath::replace_name(const char* with) {
  size_t start = with[0] == '/' ? 0 : name_start();
  size_t length = strlen(with);
  if (start + length >= sizeof text) return -ENAMETOOLONG;
  memcpy(text + start, with, length + 1);
  size = start + length;
  return 0;
}

i64 Pin::open(int directory, const char* path, bool nofollow, u64 resolve) {
  reset();
  u64 flags = kOpenPath | kOpenCloexec | (nofollow ? kOpenNofollow : 0);
  open_how how = {};
  how.flags = flags;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  magic_ = false;
  i64 low = host::call(__NR_openat2, directory, path, &how, sizeof how);
  if (low == -ELOOP && !(resolve & RESOLVE_NO_MAGICLINKS)) {
    magic_ = true;
    how.resolve = resolve;
    low = host::call(__NR_openat2, directory, path, &how, sizeof how);
  } else if (low == -ENOSYS) {
    magic_ = true;
    low = host::call(__NR_openat, directory, path, flags, 0);
  }
  if (low < 0) return low;
  // From here on only the high number counts: whatever it refers to is what gets judged and reopened. Should
  // a guest thread put something else on the low number meanwhile, that is judged.
  i64 high = fd_duplicate(static_cast<int>(low), false);
  host::call(__NR_close, low);
  if (high < 0) return high;
  fd_ = static_cast<int>(high);
  i64 error = host::call(__NR_fstat, fd_, &status_);
  if (error < 0) reset();
  return error;
}

void Pin::reset() {
  if (fd_ >= 0) host::call(__NR_close, fd_);
  fd_ = -1;
}

const char* Pin::path(char (&to)[48]) const {
  Text(to, sizeof to).str("/proc/thread-self/fd/").dec(fd_);
  return to;
}

i64 describe_fd(int fd, char* to, size_t capacity) {
  char link[48];
  Text(link, sizeof link).str("/proc/thread-self/fd/").dec(fd);
  i64 length = host::call(__NR_readlinkat, AT_FDCWD, link, to, capacity - 1);
  to[length > 0 ? length : 0] = 0;
  return length;
}

namespace {

// The same for the whole life of the process; threads that come here first together write the same.
struct Known {
  u64 device, inode;
  bool known;
};

bool is_same(Known& known, PrivateFd fd, u64 device, u64 inode) {
  if (!__atomic_load_n(&known.known, __ATOMIC_ACQUIRE)) {
    struct stat status;
    if (!identity_of(private_fd(fd), status)) return false;
    known.device = status.st_dev;
    known.inode = status.st_ino;
    __atomic_store_n(&known.known, true, __ATOMIC_RELEASE);
  }
  return inode == known.inode && device == known.device;
}

}  // namespace

bool is_image(u64 device, u64 inode) {
  static Known image;
  return is_same(image, kFdImage, device, inode);
}

bool is_program(u64 device, u64 inode) {
  static Known running;
  return is_same(running, kFdProgram, device, inode);
}

bool is_kvm(const struct stat& status) { return S_ISCHR(status.st_mode) && status.st_rdev == kKvmDevice; }

i64 device_refusal(const struct stat& status) {
  if (is_kvm(status)) return -EACCES;
  if (!S_ISCHR(status.st_mode)) return 0;
  for (u64 device : kHostDevices) {
    if (status.st_rdev == device) return -EPERM;
  }
  return 0;
}

bool is_on_proc(int fd) {
  struct statfs fs;
  return host::call(__NR_fstatfs, fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

bool is_proc_file(int fd, const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_size == 0 && device_major(status.st_dev) == 0 && is_on_proc(fd);
}

bool is_private_object(int fd, const struct stat& status) {
  for (PrivateFd which : kFiles) {
    struct stat mine;
    if (identity_of(private_fd(which), mine) && mine.st_dev == status.st_dev &&
        mine.st_ino == status.st_ino) {
      return true;
    }
  }
  // A pipe that only the monitor holds; one that the guest has as a standard stream is the guest's too.
  if (S_ISFIFO(status.st_mode)) {
    for (PrivateFd which : kPipes) {
      struct stat mine;
      if (!identity_of(private_fd(which), mine)) continue;
      if (mine.st_dev != status.st_dev || mine.st_ino != status.st_ino) continue;
      bool guests = false;
      for (int n = 0; n < 3; n++) {
        struct stat standard;
        guests |=
            identity_of(n, standard) && standard.st_dev == mine.st_dev && standard.st_ino == mine.st_ino;
      }
      if (!guests) return true;
    }
  }
  // Another monitor's memory file, by its name.
  if (S_ISREG(status.st_mode) && status.st_nlink == 0) {
    char name[64];
    return describe_fd(fd, name, sizeof name) > 0 && starts_with(name, "/memfd:barchan");
  }
  return false;
}

bool goes_by_magic(int directory, const char* path) {
  open_how how = {};
  how.flags = kOpenPath | kOpenCloexec;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  i64 fd = host::call(__NR_openat2, directory, path, &how, sizeof how);
  if (fd >= 0) host::call(__NR_close, fd);
  return fd == -ELOOP || fd == -ENOSYS;
}

namespace {

// The name of an entry of /proc/PID/map_files, "start-end", that is no mapping of the guest's.
bool is_foreign_range(const char* name, size_t size) {
  u64 start = 0;
  for (size_t i = 0; i < size; i++) {
    const char c = name[i];
    const bool digit = c >= '0' && c <= '9';
    if (c == '-' && i > 0) return start >= BARCHAN_ARENA_END;
    if (i == 16 || (!digit && (c < 'a' || c > 'f'))) return false;
    start = start << 4 | static_cast<u64>(digit ? c - '0' : c - 'a' + 10);
  }
  return false;
}

// A number that is a private descriptor's.
bool is_private_number(const char* name, size_t digits) {
  u64 number = 0;
  if (digits > 10) return false;
  for (size_t i = 0; i < digits; i++) {
    if (name[i] < '0' || name[i] > '9') return false;
    number = number * 10 + static_cast<u64>(name[i] - '0');
  }
  return number >= fd_base();
}

}  // namespace

bool hides_mapping(const char* name) { return is_foreign_range(name, strlen(name)); }

bool names_private_fd(int directory, const GuestPath& path) {
  const size_t name_length = path.name_size();
  if (name_length == 0) return false;
  const char* name = path.name();
  const bool range = is_foreign_range(name, name_length);
  if (!range && !is_private_number(name, name_length)) return false;

  char parent[kPathMax];
  size_t length = static_cast<size_t>(name - path.text);
  memcpy(parent, path.text, length);
  parent[length] = 0;
  if (length == 0) Text(parent, sizeof parent).put('.');
  i64 fd = host::call(__NR_openat, directory, parent, kOpenPath | kOpenDirectory | kOpenCloexec, 0);
  if (fd < 0) return false;
  bool hidden = false;
  if (is_on_proc(static_cast<int>(fd))) {
    i64 size = describe_fd(static_cast<int>(fd), parent, sizeof parent);
    hidden = range ? size >= 10 && memcmp(parent + size - 10, "/map_files", 10) == 0
                   : (size >= 3 && memcmp(parent + size - 3, "/fd", 3) == 0) ||
                         (size >= 7 && memcmp(parent + size - 7, "/fdinfo", 7) == 0);
  }
  host::call(__NR_close, fd);
  return hidden;
}

bool leads_to_private_fd(int directory, GuestPath& path) {
  constexpr int kMaxLinks = 40;  // as the kernel's MAXSYMLINKS
  char target[kPathMax];
  for (int links = 0; links < kMaxLinks; links++) {
    if (names_private_fd(directory, path)) return true;
    const i64 length = host::call(__NR_readlinkat, directory, path.text, target, sizeof target - 1);
    if (length <= 0) return false;
    target[length] = 0;
    // A magic link's text need not be a path; where it leads is judged by the object.
    if (path.replace_name(target) < 0) return false;
  }
  return false;
}

const char* own_program_link(char (&to)[48]) {
  Text(to, sizeof to).str("/proc/thread-self/fd/").dec(private_fd(kFdProgram));
  return to;
}

}  // namespace barchan::files
