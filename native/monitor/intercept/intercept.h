// Purpose: calls that Node decides (abi/intercept.h): which ones, and one of them from the question to what is done.
// Owner:   monitor. Threads: the set is start-up's and constant afterwards, forks inherit it, an exec hands it on; a
//          Stopped belongs to the thread whose call it is.
// Trust:   arguments are GUEST values, copied once: what Node sees is what the call is then made with. Whatever goes wrong
//          refuses the call.
#ifndef BARCHAN_MONITOR_INTERCEPT_INTERCEPT_H
#define BARCHAN_MONITOR_INTERCEPT_INTERCEPT_H

#include "abi/intercept.h"
#include "monitor/table.h"
#include "monitor/thread.h"

namespace barchan::intercept {

// What a call fails with that nobody answers, or answers wrongly.
constexpr i64 kUnanswered = -EPERM;

// Bit n: call n is asked about.
struct Set {
  u64 words[abi::kInterceptSetWords] = {};
  bool has(u32 nr) const { return nr / 64 < abi::kInterceptSetWords && (words[nr / 64] >> nr % 64 & 1); }
};

extern Set asked;
// Private descriptor kFdIntercept is open.
extern bool active;

// From start-up: the set of the program. Pre: private descriptors are parked.
void start(const Set& set);
inline bool asks_about(u32 nr) { return active && asked.has(nr); }

struct Memory;

// One call that waits for Node.
class Stopped {
 public:
  // `call` as checked (monitor/check.h), `row` its row; `original`: the number the guest used.
  Stopped(Thread& t, u32 original, const Call& call, const table::Row& row);
  ~Stopped();
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

  // Asks and waits. True: `result` is what the guest gets (a value, -errno, or host::kRestart for a signal that came
  // first). False: call() is to be made; where Node saw memory, with the copy, which lives as long as this.
  bool decides(i64& result);
  const Call& call() const { return call_; }

 private:
  // 0 or -errno, with which the call fails without a question.
  i64 copy_arguments();
  i64 copy_argument(unsigned index);
  i64 copy_string(unsigned index);
  i64 copy_bytes(unsigned index, bool data);
  i64 copy_vector(unsigned argument, u64 address, u64 count);
  i64 copy_message(unsigned index);
  i64 copy_strings(unsigned index);
  i64 find_output();
  u64 data_size() const;
  u8* next();
  u8* bulk() const;
  void put_data(unsigned argument, const u8* from, u64 size, u64 whole);
  void put_part(unsigned argument, u16 kind, u64 size, u64 whole);

  // Sends the question and takes the answer and its descriptor, or -1. 0 or what the call fails with.
  i64 exchange(int& fd);
  bool obey(int fd, i64& result);
  i64 change();
  i64 give();
  i64 install(int fd);
  i64 replace_socket(int fd);
  i64 judge_again() const;
  bool reserve();
  void release();

  Thread& t_;
  Call call_;
  u64 checked_[6];  // the arguments before copies took their place
  const table::Row& row_;
  const u32 original_;
  Memory* memory_ = nullptr;
  u64 bulk_size_ = 0;
  bool stands_in_ = false;  // call_ leads to the copies
};

// May Node change argument `index`? Values and descriptors, but no length of memory.
bool can_change(const table::Row& row, unsigned index);
// Null, or what is wrong with an answer of `size` bytes to `request`. Pure: also built hosted for tests.
const char* wrong_answer(const abi::InterceptRequest& request, const table::Row& row, const u8* message,
                         u64 size, bool has_fd);

// Gives back what a vfork child that is gone held here.
void release_memory(Thread& child);

}  // namespace barchan::intercept

#endif
