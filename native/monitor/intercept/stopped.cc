// One call that Node decides, from the question to what is done.
#include "host/call_numbers.h"
#include "host/string.h"
#include "host/uaccess.h"
#include "monitor/check.h"
#include "monitor/fds.h"
#include "monitor/intercept/memory.h"
#include "monitor/policy.h"
#include "monitor/signal/signal.h"
#include "monitor/syscalls/iovec.h"
#include "monitor/syscalls/paths.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/signal.h>
#include <linux/stat.h>

namespace barchan {

// host/uaccess.h: the copies of the calling thread's call stand for what they were copied from.
bool stands_in(u64 address, size_t size) {
  const Thread& t = current();
  return t.stand_in != 0 && address >= t.stand_in && size <= t.stand_in_size &&
         address - t.stand_in <= t.stand_in_size - size;
}

namespace intercept {

Set asked;
bool active = false;

void start(const Set& set) {
  asked = set;
  active = host::call(__NR_fcntl, private_fd(kFdIntercept), F_GETFD) >= 0;
}

void release_memory(Thread& child) {
  if (child.stand_in != 0) host::call(__NR_munmap, child.stand_in, child.stand_in_size);
  child.stand_in = child.stand_in_size = 0;
}

Stopped::Stopped(Thread& t, u32 original, const Call& call, const table::Row& row)
    : t_(t), call_(call), row_(row), original_(original) {
  memcpy(checked_, call.arg, sizeof checked_);
}

Stopped::~Stopped() { release(); }

bool Stopped::reserve() {
  const bool is_exec = call_.nr == __NR_execve || call_.nr == __NR_execveat;
  bulk_size_ = min(data_size(), kBulkMost);
  const u64 size = page_up(is_exec ? sizeof(Memory) : kPlainSize + bulk_size_);
  const i64 where = host::call(__NR_mmap, 0, size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host::is_error(where)) return false;
  if (static_cast<u64>(where) < BARCHAN_ARENA_END) {  // no private copy
    host::call(__NR_munmap, where, size);
    return false;
  }
  memory_ = reinterpret_cast<Memory*>(where);
  t_.stand_in_size = size;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  t_.stand_in = static_cast<u64>(where);
  return true;
}

u8* Stopped::bulk() const { return reinterpret_cast<u8*>(memory_) + kPlainSize; }

void Stopped::release() {
  if (memory_ != nullptr) release_memory(t_);
  memory_ = nullptr;
}

bool Stopped::decides(i64& result) {
  if (!reserve()) return result = -ENOMEM, true;
  result = copy_arguments();
  int fd = -1;
  if (result == 0) result = exchange(fd);
  if (result != 0) return true;
  if (obey(fd, result)) return true;
  // A fork does not take it along.
  if (!stands_in_) release();
  return false;
}

bool Stopped::obey(int fd, i64& result) {
  const abi::InterceptAnswer& answer = memory_->answer;
  switch (answer.action) {
    case abi::kInterceptAllow: result = change(); return result != 0;
    case abi::kInterceptDeny: result = -answer.error; return true;
    case abi::kInterceptValue: result = static_cast<i64>(answer.value); return true;
    case abi::kInterceptGive: result = give(); return true;
    case abi::kInterceptFd: result = call_.nr == __NR_connect ? replace_socket(fd) : install(fd); return true;
    default: die_by_signal(SIGSYS);
  }
}

// The policy's word on what the call has become.
i64 Stopped::judge_again() const {
  if (!policy::is_active()) return 0;
  u64 arguments[6];
  for (unsigned i = 0; i < 6; i++)
    arguments[i] = memory_->answer.changed >> i & 1 ? call_.arg[i] : checked_[i];
  return policy::judge(static_cast<u32>(call_.nr), arguments);
}

i64 Stopped::change() {
  const abi::InterceptAnswer& answer = memory_->answer;
  for (unsigned i = 0; i < row_.count; i++) {
    if (!(answer.changed >> i & 1)) continue;
    call_.arg[i] = answer.argument[i];
    // Node's numbers are the guest's; private ones are out of its reach as well.
    if (table::is_descriptor(row_.args[i].kind)) {
      const i32 fd = static_cast<i32>(call_.arg[i]);
      call_.arg[i] = static_cast<u64>(static_cast<i64>(is_private(fd) ? check::kClosedFd : fd));
    }
  }
  const u8* text = memory_->answer_bytes + sizeof answer;
  for (u32 left = answer.strings; left != 0; left &= left - 1) {
    call_.arg[__builtin_ctz(left)] = host::word(text);
    text += strlen(reinterpret_cast<const char*>(text)) + 1;
  }
  return answer.changed != 0 ? judge_again() : 0;
}

i64 Stopped::give() {
  const abi::InterceptAnswer& answer = memory_->answer;
  const unsigned output = memory_->request.output;
  const u8* from = memory_->answer_bytes + sizeof answer;
  const u64 address = call_.arg[output];
  if (row_.args[output].kind != table::Kind::kOutIovec) {
    if (copy_to_guest(address, from, answer.data) != 0) return -EFAULT;
    return static_cast<i64>(answer.value);
  }
  IoVector vector;
  if (const i64 error = vector.read(address, call_.arg[row_.args[output].link]); error != 0) return error;
  u64 left = answer.data;
  for (u64 i = 0; i < vector.count() && left != 0; i++) {
    const iovec& item = vector.items()[i];
    const u64 size = min(left, static_cast<u64>(item.iov_len));
    if (copy_to_guest(reinterpret_cast<u64>(item.iov_base), from, size) != 0) return -EFAULT;
    from += size;
    left -= size;
  }
  return left == 0 ? static_cast<i64>(answer.value) : kUnanswered;  // another thread has made it smaller
}

// What Node gives is checked there too, before any thread of the guest could use it. A directory leads out of a sandbox.
i64 Stopped::install(int fd) {
  struct stat status;
  i64 error = host::call(__NR_fstat, fd, &status);
  if (error == 0 && S_ISDIR(status.st_mode)) error = kUnanswered;
  if (error == 0) error = files::device_refusal(status);
  if (error != 0) {
    host::call(__NR_close, fd);
    return error;
  }
  const i64 result = fd_created(fd);
  if (result >= 0 && !(memory_->answer.flags & abi::kInterceptCloexec))
    host::call(__NR_fcntl, fd, F_SETFD, 0);
  return result;
}

// connect: the other socket takes this one's number, with its flags.
i64 Stopped::replace_socket(int fd) {
  const int old = static_cast<int>(call_.arg[0]);
  struct stat mine, given;
  i64 result = host::call(__NR_fstat, old, &mine);
  if (result == 0 && !S_ISSOCK(mine.st_mode)) result = -ENOTSOCK;
  if (result == 0 && (host::call(__NR_fstat, fd, &given) != 0 || !S_ISSOCK(given.st_mode)))
    result = kUnanswered;
  if (result == 0) {
    const i64 status = host::call(__NR_fcntl, old, F_GETFL);
    const i64 flags = host::call(__NR_fcntl, old, F_GETFD);
    if (status >= 0 && (status & O_NONBLOCK)) host::call(__NR_fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK);
    if (!t_.own_table) fd_lock.lock_shared();
    result = flags < 0 ? flags : host::call(__NR_dup3, fd, old, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    if (!t_.own_table) fd_lock.unlock_shared();
  }
  host::call(__NR_close, fd);
  return min(result, i64{0});
}

}  // namespace intercept
}  // namespace barchan
