// Calls that act on the memory of a process by its number: of the guest's own process as Linux does them, confined to the
// arena; of any other process EPERM, as where ptrace is not permitted. It might be no guest at all.
#include <linux/fcntl.h>

#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/mm/mm.h"
#include "monitor/scratch.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/syscalls/iovec.h"

namespace barchan {
namespace {

bool is_own_task(i32 pid) {
  const i64 own = host::call(__NR_getpid);
  return pid == own || (pid > 0 && host::call(__NR_tgkill, own, pid, 0) == 0);
}

// Why another process's memory is refused.
i64 refusal(i32 pid) { return pid <= 0 || host::call(__NR_kill, pid, 0) == -ESRCH ? -ESRCH : -EPERM; }

// A vector whose ranges may lie anywhere: those outside the arena fault on the host.
class RemoteVector {
 public:
  // 0, -EINVAL, -ENOMEM or -EFAULT. `judged`: ranges outside user space are -EFAULT at once.
  i64 read(u64 address, u64 count, bool judged) {
    if (count > UIO_MAXIOV) return -EINVAL;
    items = static_cast<iovec*>(scratch_.get(count * sizeof(iovec)));
    if (!items) return -ENOMEM;
    if (count != 0 && copy_from_guest(items, address, count * sizeof(iovec)) != 0) return -EFAULT;
    for (u64 i = 0; i < count; i++) {
      if (static_cast<i64>(items[i].iov_len) < 0) return -EINVAL;
    }
    for (u64 i = 0; i < count; i++) {
      const u64 base = reinterpret_cast<u64>(items[i].iov_base);
      if (judged && (base > check::kUserEnd || items[i].iov_len > check::kUserEnd - base)) return -EFAULT;
    }
    this->count = count;
    return 0;
  }
  void confine() {
    for (u64 i = 0; i < count; i++) {
      u64 length = items[i].iov_len;
      const u64 base = check::buffer(reinterpret_cast<u64>(items[i].iov_base), 1, 0, false, length);
      items[i] = {reinterpret_cast<void*>(base), length};
    }
  }

  iovec* items = nullptr;
  u64 count = 0;

 private:
  Scratch<32 * sizeof(iovec)> scratch_;
};

// A place in a vector.
struct Cursor {
  const iovec* items;
  u64 count, index = 0, offset = 0;

  bool settle() {
    while (index < count && offset == items[index].iov_len) index++, offset = 0;
    return index < count;
  }
  u64 address() const { return reinterpret_cast<u64>(items[index].iov_base) + offset; }
  // Up to the end of the entry, and of the page.
  u64 room() const { return min(items[index].iov_len - offset, kPageSize - address() % kPageSize); }
};

// Copies as much as both have, in the monitor: it needs no call that reaches other processes. The bytes, or -EFAULT when
// there are none before the first that cannot be reached.
i64 copy_between(Cursor from, Cursor to) {
  u8 bytes[kPageSize];
  i64 done = 0;
  while (from.settle() && to.settle()) {
    const u64 size = min(from.room(), to.room());
    if (copy_from_guest(bytes, from.address(), size) != 0 || copy_to_guest(to.address(), bytes, size) != 0)
      return done != 0 ? done : -EFAULT;
    from.offset += size;
    to.offset += size;
    done += static_cast<i64>(size);
  }
  return done;
}

i64 copy_memory(const Call& c) {
  if (c.arg[5] != 0) return -EINVAL;
  IoVector local;
  if (const i64 error = local.read(c.arg[1], c.arg[2]); error < 0) return error;
  if (local.bytes() == 0) return 0;
  RemoteVector remote;
  if (const i64 error = remote.read(c.arg[3], c.arg[4], false); error < 0) return error;
  u64 wanted = 0;
  for (u64 i = 0; i < remote.count; i++) wanted |= remote.items[i].iov_len;
  if (wanted == 0) return 0;
  const i32 pid = static_cast<i32>(c.arg[0]);
  if (!is_own_task(pid)) return refusal(pid);
  remote.confine();
  const Cursor mine = {local.items(), local.count()}, theirs = {remote.items, remote.count};
  return c.nr == __NR_process_vm_readv ? copy_between(theirs, mine) : copy_between(mine, theirs);
}

// The process of a pidfd (man 2 pidfd_open), or -1.
i64 process_of(int pidfd) {
  constexpr int kSelfThread = -10000, kSelfThreadGroup = -10001;  // PIDFD_SELF_*, Linux 6.14
  if (pidfd == kSelfThread || pidfd == kSelfThreadGroup) return host::call(__NR_getpid);
  char text[512];
  Text(text, sizeof text).str("/proc/thread-self/fdinfo/").dec(pidfd);
  const i64 file = host::call(__NR_openat, AT_FDCWD, text, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return -1;
  const i64 size = host::call(__NR_read, file, text, sizeof text - 1);
  host::call(__NR_close, file);
  if (size <= 0) return -1;
  text[size] = 0;
  constexpr char kField[] = "Pid:\t";
  for (char* line = text; *line;) {
    char* end = line;
    while (*end && *end != '\n') end++;
    const bool last = *end == 0;
    *end = 0;
    if (starts_with(line, kField)) return parse_decimal(line + sizeof kField - 1);
    line = last ? end : end + 1;
  }
  return -1;
}

}  // namespace

i64 sys_process_vm_readv(Thread&, const Call& c) { return copy_memory(c); }
i64 sys_process_vm_writev(Thread&, const Call& c) { return copy_memory(c); }

i64 sys_process_madvise(Thread& t, const Call& c) {
  const int pidfd = static_cast<int>(c.arg[0]), advice = static_cast<int>(c.arg[3]);
  if (static_cast<u32>(c.arg[4]) != 0) return -EINVAL;
  RemoteVector ranges;
  if (const i64 error = ranges.read(c.arg[1], c.arg[2], true); error < 0) return error;
  // The host judges the descriptor, and whether this kernel takes the advice here.
  iovec nothing = {reinterpret_cast<void*>(u64{BARCHAN_ARENA_START}), 0};
  const i64 first = t.host(__NR_process_madvise, pidfd, &nothing, 1, advice, 0);
  if (first < 0) return first;
  if (process_of(pidfd) != host::call(__NR_getpid)) return -EPERM;
  u64 done = 0;
  for (u64 i = 0; i < ranges.count; i++) {
    const i64 error =
        mm::advise(reinterpret_cast<u64>(ranges.items[i].iov_base), ranges.items[i].iov_len, advice);
    if (error < 0) return done != 0 ? static_cast<i64>(done) : error;
    done += ranges.items[i].iov_len;
  }
  return static_cast<i64>(done);
}

i64 sys_move_pages(Thread& t, const Call& c) {
  const i32 pid = static_cast<i32>(c.arg[0]);
  const u64 count = c.arg[1], flags = static_cast<u32>(c.arg[5]);
  // Flags and process, without a page.
  const i64 first = t.host(__NR_move_pages, pid, 0, nullptr, nullptr, nullptr, flags);
  if (first < 0) return first;
  if (pid != 0 && !is_own_task(pid)) return -EPERM;
  constexpr u64 kSome = 128;
  u64 pages[kSome];
  i32 nodes[kSome], status[kSome];
  i64 left = 0;
  for (u64 done = 0; done < count;) {
    const u64 n = min(count - done, kSome);
    if (copy_from_guest(pages, c.arg[2] + done * sizeof *pages, n * sizeof *pages) != 0) return -EFAULT;
    if (c.arg[3] && copy_from_guest(nodes, c.arg[3] + done * sizeof *nodes, n * sizeof *nodes) != 0)
      return -EFAULT;
    for (u64 i = 0; i < n; i++) pages[i] = check::pointer(pages[i], 1, false);
    // Linux leaves alone what it does not get to.
    if (copy_from_guest(status, c.arg[4] + done * sizeof *status, n * sizeof *status) != 0) return -EFAULT;
    const i64 result = t.host(__NR_move_pages, 0, n, pages, c.arg[3] ? nodes : nullptr, status, flags);
    if (copy_to_guest(c.arg[4] + done * sizeof *status, status, n * sizeof *status) != 0) return -EFAULT;
    if (result < 0) return result;
    left += result;
    done += n;
  }
  return left;
}

i64 sys_migrate_pages(Thread& t, const Call& c) {
  const i32 pid = static_cast<i32>(c.arg[0]);
  // No nodes are no work, whichever process is meant.
  if (pid != 0 && !is_own_task(pid)) {
    constexpr u64 kTooMany = u64{1} << 20;
    if (c.arg[1] - 1 >= kTooMany) return t.host(__NR_migrate_pages, pid, c.arg[1], c.arg[2], c.arg[3]);
    return refusal(pid);
  }
  return t.host(__NR_migrate_pages, 0, c.arg[1], c.arg[2], c.arg[3]);
}

i64 sys_map_shadow_stack(Thread&, const Call&) { return -EOPNOTSUPP; }

i64 sys_lsm_set_self_attr(Thread&, const Call& c) {
  struct Context {  // struct lsm_ctx
    u64 id, flags, length, context_length;
  } context;
  const u64 size = static_cast<u32>(c.arg[2]);
  if (static_cast<u32>(c.arg[3]) != 0 || size < sizeof context) return -EINVAL;
  if (size > kPageSize) return -E2BIG;
  u8 all[kPageSize];
  if (copy_from_guest(all, c.arg[1], size) != 0) return -EFAULT;
  memcpy(&context, all, sizeof context);
  u64 needed;
  if (size < context.length || __builtin_add_overflow(sizeof context, context.context_length, &needed) ||
      context.length < needed)
    return -EINVAL;
  return -EOPNOTSUPP;
}

}  // namespace barchan
