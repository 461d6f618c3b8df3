// The question goes to Node, the answer comes back (abi/intercept.h).
#include <linux/fcntl.h>
#include <linux/random.h>

#include "host/call_numbers.h"
#include "host/string.h"
#include "host/syscall.h"
#include "monitor/fds.h"
#include "monitor/intercept/memory.h"

namespace barchan::intercept {
namespace {

constexpr int kFamilyUnix = 1, kSequentialPackets = 5, kCloexec = 02000000;
constexpr int kShutdownBoth = 2;
constexpr u32 kMsgTrunc = 0x20, kMsgNosignal = 0x4000, kMsgCmsgCloexec = 0x40000000;

// Room for one descriptor, as control data.
struct Rights {
  ControlHeader header;
  i32 fd;
  i32 pad;
};
static_assert(sizeof(Rights) == control_align(sizeof(ControlHeader) + sizeof(i32)));

// Both ends out of the guest's reach. While the kernel's numbers are in its range no thread duplicates or closes them;
// one may write to them, which the nonce tells from an answer.
class Pair {
 public:
  explicit Pair(const Thread& t) {
    const bool locks = !t.own_table;
    int ends[2];
    if (locks) fd_lock.lock();
    error_ = host::call(__NR_socketpair, kFamilyUnix, kSequentialPackets | kCloexec, 0, ends);
    if (error_ == 0) {
      mine_ = fd_hide(ends[0]);
      theirs_ = fd_hide(ends[1]);
      error_ = min(min(mine_, theirs_), i64{0});
    }
    if (locks) fd_lock.unlock();
  }
  ~Pair() {
    drop_theirs();
    // Others may hold copies for a moment (a vfork child of another thread).
    if (mine_ >= 0) host::call(__NR_shutdown, mine_, kShutdownBoth);
    if (mine_ >= 0) host::call(__NR_close, mine_);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  i64 error() const { return error_; }
  i64 mine() const { return mine_; }
  i64 theirs() const { return theirs_; }
  void drop_theirs() {
    if (theirs_ >= 0) host::call(__NR_close, theirs_);
    theirs_ = -1;
  }

 private:
  i64 error_ = 0, mine_ = -1, theirs_ = -1;
};

// A signal's ends of a wait are the guest's to see; everything else is one refusal.
bool is_interruption(i64 result) { return result == host::kRestart || result == -EINTR; }

i64 send_question(Thread& t, Memory& m, i64 with) {
  iovec vector = {m.request_bytes, m.request.size};
  Rights rights = {{sizeof(ControlHeader) + sizeof(i32), kSolSocket, kScmRights}, static_cast<i32>(with), 0};
  MessageHeader header = {};
  header.vector = host::word(&vector);
  header.vector_count = 1;
  header.control = host::word(&rights);
  header.control_length = rights.header.length;
  return t.host(__NR_sendmsg, private_fd(kFdIntercept), &header, kMsgNosignal);
}

// The size of the answer, or as t.host(). `fd`: what came with it, or -1.
i64 receive_answer(Thread& t, Memory& m, i64 from, int& fd) {
  iovec vector = {m.answer_bytes, abi::kInterceptMessageMost};
  Rights rights = {};
  MessageHeader header = {};
  header.vector = host::word(&vector);
  header.vector_count = 1;
  header.control = host::word(&rights);
  header.control_length = sizeof rights;
  const i64 size = t.host(__NR_recvmsg, from, &header, kMsgCmsgCloexec);
  if (size < 0) return size;
  if (header.control_length >= sizeof(ControlHeader) + sizeof(i32) && rights.header.level == kSolSocket &&
      rights.header.type == kScmRights) {
    fd = rights.fd;
  }
  return header.flags & (kMsgTrunc | kMsgCtrunc) ? i64{0} : size;
}

}  // namespace

i64 Stopped::exchange(int& fd) {
  Memory& m = *memory_;
  fd = -1;
  Pair pair(t_);
  if (pair.error() != 0) return kUnanswered;
  if (host::call(__NR_getrandom, m.request.nonce, sizeof m.request.nonce, 0) != sizeof m.request.nonce)
    return kUnanswered;
  m.request.pid = static_cast<i32>(host::call(__NR_getpid));
  m.request.tid = tid_of(t_);
  i64 result = send_question(t_, m, pair.theirs());
  pair.drop_theirs();
  if (result >= 0) result = receive_answer(t_, m, pair.mine(), fd);
  if (is_interruption(result)) return result;
  if (result > 0 && !wrong_answer(m.request, row_, m.answer_bytes, static_cast<u64>(result), fd >= 0))
    return 0;
  if (fd >= 0) host::call(__NR_close, fd);
  fd = -1;
  return kUnanswered;
}

}  // namespace barchan::intercept
