// execve(2) and execveat(2). Everything that can be refused is refused while the old program still runs; then
// the host process execs the monitor's own image, so that close-on-exec, signal resets, the death of other
// threads,
// vfork's wake-up and accounting are the host kernel's work. The new monitor goes on in start.cc.
#include "monitor/exec.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

#include "abi/layout.h"
#include "abi/start.h"
#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/counters.h"
#include "monitor/debug/debug.h"
#include "monitor/events/events.h"
#include "monitor/exec_state.h"
#include "monitor/fds.h"
#include "monitor/host_layout.h"
#include "monitor/image/identity.h"
#include "monitor/image/target.h"
#include "monitor/robust_list.h"
#include "monitor/seccomp.h"
#include "monitor/signal/signal.h"
#include "monitor/spare_task.h"
#include "monitor/start.h"
#include "monitor/syscalls/exec_vector.h"
#include "monitor/syscalls/handlers.h"
#include "monitor/thread_pool.h"

namespace barchan {
namespace {

constexpr u64 kExecveCheck = 0x10000;  // AT_EXECVE_CHECK, Linux 6.14
constexpr u64 kPointers = kMaxExecPointers + 2 + sizeof(Target::prefix) / sizeof(u64);

// All private memory of one exec.
struct Work {
  Target target;
  ExecState state;
  char path[kPathMax];
  u64 argument_count;
  // argv with room for a script's prefix before it, null, envp, null. Reserved, touched as far as needed.
  u64 pointers[kPointers];
  u64* arguments;
  u64* environment;
};

void release(Work* work) { host::call(__NR_munmap, work, page_up(sizeof(Work))); }

Work* make_work() {
  i64 where = host::call(__NR_mmap, 0, page_up(sizeof(Work)), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host::is_error(where)) return nullptr;
  Work* work = reinterpret_cast<Work*>(where);
  if (static_cast<u64>(where) < BARCHAN_ARENA_END) {  // private copies must be out of the guest's reach
    release(work);
    return nullptr;
  }
  target_init(work->target);
  return work;
}

// Excludes the guest's other users of the descriptor table while private descriptors come and go. A vfork
// child has a table of its own, and must not leave a lock in its parent's memory locked.
class TableLock {
 public:
  explicit TableLock(const Thread& t) : held_(!t.vforked) {
    if (held_) fd_lock.lock();
  }
  ~TableLock() { give_up(); }
  void give_up() {
    if (held_) fd_lock.unlock();
    held_ = false;
  }
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;

 private:
  bool held_;
};

i64 copy_vectors(Work& work, u64 argv, u64 envp) {
  constexpr u64 kRoom = sizeof(Target::prefix) / sizeof(u64);
  work.arguments = work.pointers + kRoom;
  u64 capacity = kPointers - kRoom;
  i64 n = copy_exec_vector(work.arguments, capacity - 1, argv);
  if (n < 0) return n;
  work.argument_count = static_cast<u64>(n);
  if (n == 0) {  // Linux: a program gets an argv[0] in any case
    work.arguments[0] = host::word("");
    work.arguments[1] = 0;
    work.argument_count = 1;
  }
  work.environment = work.arguments + work.argument_count + 1;
  capacity -= work.argument_count + 1;
  n = copy_exec_vector(work.environment, capacity, envp);
  return n < 0 ? n : 0;
}

// The name of the program as Linux forms it: "/dev/fd/N" or "/dev/fd/N/path" when a descriptor is involved.
bool named_by_descriptor(int dirfd, const char* path) { return dirfd != AT_FDCWD && path[0] != '/'; }

void put_name(Work& work, int dirfd) {
  Text name(work.state.execfn, sizeof work.state.execfn);
  if (named_by_descriptor(dirfd, work.path)) {
    name.str("/dev/fd/").dec(dirfd);
    if (work.path[0] != 0) name.put('/');
  }
  name.str(work.path);
}

// The thread's new name: the file's. A descriptor's number says nothing, so then the kernel is asked.
void put_command(Work& work, int dirfd, int program_fd) {
  char found[kPathMax] = {};
  const char* path = work.state.execfn;
  if (named_by_descriptor(dirfd, work.path)) {
    char buffer[64];
    Text link(buffer, sizeof buffer);
    link.str("/proc/self/fd/").dec(program_fd);
    i64 n = host::call(__NR_readlinkat, AT_FDCWD, link.data(), found, sizeof found - 1);
    constexpr char kDeleted[] = " (deleted)";
    constexpr i64 kDeletedSize = sizeof kDeleted - 1;
    if (n > kDeletedSize && strcmp(found + n - kDeletedSize, kDeleted) == 0) found[n - kDeletedSize] = 0;
    if (n > 0) path = found;
  }
  const char* name = base_name(path);
  memcpy(work.state.command, name, min(strlen(name), sizeof work.state.command - 1));
}

// A script's argv: interpreters and script names in place of argv[0].
u64* script_arguments(Work& work) {
  const Target& target = work.target;
  if (target.prefix_count == 0) return work.arguments;
  u64* arguments = work.arguments + 1 - target.prefix_count;
  for (u32 i = 0; i < target.prefix_count; i++) arguments[i] = host::word(target.prefix[i]);
  return arguments;
}

bool is_close_on_exec(int fd) {
  i64 flags = host::call(__NR_fcntl, fd, F_GETFD, 0);
  return flags >= 0 && (flags & FD_CLOEXEC);
}

void keep_over_exec(int fd, bool keep) {
  if (fd >= 0) host::call(__NR_fcntl, fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

// Until now it had its parent's VM.
i64 room_for_process(Thread& t) {
  if (!t.vforked) return 0;
  signals_block_all();
  const i64 error = spare_task_take();
  if (error == 0) spare_task_release();
  signals_restore_mask(t);
  return error;
}

// The host's exec. Comes back with an error or kRestart only, and everything as it was.
i64 become(Thread& t, Work& work, u64* arguments, TableLock& lock) {
  ExecState& state = work.state;
  state.magic = abi::kStartMagic;
  state.version = abi::kStartVersion;
  state.size = sizeof state;
  state.pid = static_cast<i32>(host::call(__NR_getpid));
  state.flags = start_flags();
  state.program_id = events::program_id();
  state.fixed_layout = t.fixed_layout;
  state.counter_slot = counters::slot_of(t);
  state.program_fd = work.target.program.fd;
  state.interpreter_fd = work.target.interpreter.fd;
  state.fd_soft = fd_soft_limit();
  state.fd_hard = fd_hard_limit();
  state.intercepted = intercept::asked;
  mm::tell_host_facts(state.host);
  state.chaos = t.chaos.lineage;
  files::proc_copies_tell(state.proc_copies);
  if (i64 r = room_for_process(t); r < 0) return r;
  if (i64 r = stack_limit_bound(state.stack_soft); r < 0) return r;
  i64 r = seccomp_exec_write(t, state.seccomp_fd);
  if (r == 0) r = exec_state_write(state);
  if (r == 0) {
    keep_over_exec(state.program_fd, true);
    keep_over_exec(state.interpreter_fd, true);
    if (t.vforked) {
      t.exec_memory = host::word(&work);
      t.exec_memory_size = page_up(sizeof work);
      if (t.robust_list != 0) robust_list_release(t);
    }
    debug::before_exec(t);
    signals_before_exec(t);
    // Processes that go on in this memory would find it held for good. Other threads of this one may exec too.
    if (thread_shares_memory() && pool_is_last(t)) lock.give_up();
    // Not t.host(), which may block more for the time of a call: this one hands the mask on.
    r = host::interruptible(&t.pending, __NR_execveat, private_fd(kFdImage), "", arguments, work.environment,
                            AT_EMPTY_PATH);
    signals_exec_failed(t);
    t.exec_memory = t.exec_memory_size = 0;
    exec_state_drop();
  }
  if (state.seccomp_fd >= 0) host::call(__NR_close, state.seccomp_fd);
  stack_limit_restore(state.stack_soft);
  return r;
}

// AT_EXECVE_CHECK: would it be allowed? Kernels that do not know the flag say so themselves.
i64 check_only(Work& work) {
  return host::call(__NR_execveat, private_fd(kFdImage), "", work.arguments, work.environment,
                    AT_EMPTY_PATH | kExecveCheck);
}

i64 exec(Thread& t, Work& work, int dirfd, u64 argv, u64 envp, int flags) {
  put_name(work, dirfd);
  bool inaccessible = named_by_descriptor(dirfd, work.path) && is_close_on_exec(dirfd);
  // Linux opens the program before it looks at the arguments, and parses it afterwards.
  i64 copied = copy_vectors(work, argv, envp);
  TableLock lock(t);
  i64 r = target_resolve(work.target, dirfd, work.path, flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW),
                         work.state.execfn, inaccessible);
  bool opened = work.target.program.fd >= 0;
  if (opened && copied < 0) r = copied;
  if (opened && copied == 0 && (flags & kExecveCheck)) r = check_only(work);
  if (r == 0 && !(flags & kExecveCheck)) {
    put_command(work, dirfd, work.target.program.fd);
    r = become(t, work, script_arguments(work), lock);
  }
  target_close(work.target);
  return r;
}

i64 exec_at(Thread& t, u32 nr, int dirfd, u64 path, u64 argv, u64 envp, u64 flags) {
  Work* work = make_work();
  if (work == nullptr) return -ENOMEM;
  work->state.call_number = nr;
  i64 r = string_from_guest(work->path, path, sizeof work->path);
  if (r == 0 && !(flags & AT_EMPTY_PATH)) r = -ENOENT;
  if (r >= 0 && (flags & ~u64{AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | kExecveCheck})) r = -EINVAL;
  // A kernel that knows the flag says of it that the descriptor is not open.
  if (r >= 0 && flags & kExecveCheck)
    r = host::call(__NR_execveat, check::kClosedFd, "", nullptr, nullptr, AT_EMPTY_PATH | kExecveCheck);
  if (r == -EBADF) r = 0;
  // The dispatcher has made kClosedFd of a private one, which does not matter to an absolute path.
  if (r >= 0 && is_private(dirfd) && dirfd != check::kClosedFd) r = -EBADF;
  if (r >= 0) r = exec(t, *work, dirfd, argv, envp, static_cast<int>(flags));
  release(work);
  return r;
}

}  // namespace

void exec_release_memory(Thread& child) {
  if (child.exec_memory != 0) host::call(__NR_munmap, child.exec_memory, child.exec_memory_size);
  child.exec_memory = child.exec_memory_size = 0;
  intercept::release_memory(child);
}

i64 sys_execve(Thread& t, const Call& call) {
  return exec_at(t, __NR_execve, AT_FDCWD, call.arg[0], call.arg[1], call.arg[2], 0);
}

i64 sys_execveat(Thread& t, const Call& call) {
  return exec_at(t, __NR_execveat, static_cast<int>(call.arg[0]), call.arg[1], call.arg[2], call.arg[3],
                 static_cast<u32>(call.arg[4]));
}

}  // namespace barchan
