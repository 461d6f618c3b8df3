// What the monitor takes for an answer of Node's (monitor/intercept/answer_check.cc).
#include <asm/unistd.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "monitor/intercept/intercept.h"

namespace barchan {
namespace {

using abi::InterceptAnswer;
using abi::InterceptRequest;

class InterceptAnswerTest : public ::testing::Test {
 protected:
  InterceptAnswerTest() { ask(__NR_openat); }

  void ask(u32 nr) {
    request_ = {};
    request_.number = nr;
    request_.nonce[0] = 0x1234;
    request_.nonce[1] = 0x5678;
    request_.output = 0xff;
    answer_ = {};
    answer_.magic = abi::kInterceptMagic;
    answer_.version = abi::kInterceptVersion;
    answer_.nonce[0] = 0x1234;
    answer_.nonce[1] = 0x5678;
    data_.clear();
    row_ = table::row(nr);
    if (nr == __NR_openat) {
      request_.parts = 1;
      request_.part[0] = {1, abi::kInterceptString, 208, 4, 4};
    }
  }

  std::string wrong(bool has_fd = false, u32 lost = 0) {
    answer_.data = static_cast<u32>(data_.size());
    answer_.size = static_cast<u32>(sizeof answer_ + data_.size());
    std::vector<u8> message(answer_.size);
    memcpy(message.data(), &answer_, sizeof answer_);
    memcpy(message.data() + sizeof answer_, data_.data(), data_.size());
    const char* what =
        intercept::wrong_answer(request_, *row_, message.data(), message.size() - lost, has_fd);
    return what ? what : "";
  }

  InterceptRequest request_;
  InterceptAnswer answer_;
  std::string data_;
  const table::Row* row_;
};

TEST_F(InterceptAnswerTest, AllowsAsItIs) { EXPECT_EQ(wrong(), ""); }

TEST_F(InterceptAnswerTest, IsForThisCall) {
  answer_.nonce[1] ^= 1;
  EXPECT_EQ(wrong(), "it is not for this call");
}

TEST_F(InterceptAnswerTest, HasItsSize) {
  EXPECT_EQ(wrong(false, 1), "it is too short");
  data_ = "xx";
  EXPECT_EQ(wrong(false, 1), "its size is wrong");
}

TEST_F(InterceptAnswerTest, ChangesScalarsAndStringsOnly) {
  answer_.changed = 1 << 0 | 1 << 2 | 1 << 3;
  EXPECT_EQ(wrong(), "");
  answer_.changed = 1 << 1;
  EXPECT_EQ(wrong(), "it changes what cannot be changed") << "a pointer";
  answer_.changed = 1 << 4;
  EXPECT_EQ(wrong(), "it changes what cannot be changed") << "no argument";
  answer_.changed = 1u << 31;
  EXPECT_EQ(wrong(), "it changes what cannot be changed") << "no argument";
}

TEST_F(InterceptAnswerTest, ChangesNoLengths) {
  ask(__NR_write);
  answer_.changed = 1 << 2;
  EXPECT_EQ(wrong(), "it changes what cannot be changed");
  ask(__NR_accept4);
  answer_.changed = 1 << 2;
  EXPECT_EQ(wrong(), "it changes what cannot be changed") << "a pointer to a length";
  answer_.changed = 1 << 3;
  EXPECT_EQ(wrong(), "");
}

// No call lets a length, a count or a pointer of any kind be changed.
TEST_F(InterceptAnswerTest, ChangesNoMemoryOfAnyCall) {
  for (u32 nr = 0; nr < table::kRows; nr++) {
    const table::Row* row = table::row(nr);
    if (!row) continue;
    for (unsigned i = 0; i < 8; i++) {
      if (!intercept::can_change(*row, i)) continue;
      ASSERT_LT(i, row->count);
      EXPECT_FALSE(table::is_pointer(row->args[i].kind)) << table::call_name(nr) << " " << i;
      for (unsigned j = 0; j < row->count; j++) {
        if (table::has_length(row->args[j].kind)) EXPECT_NE(row->args[j].link, i) << table::call_name(nr);
      }
    }
  }
}

TEST_F(InterceptAnswerTest, TakesStringsWithTheirEnds) {
  answer_.strings = 1 << 1;
  data_ = std::string("/etc/x\0", 7);
  EXPECT_EQ(wrong(), "");
  data_ = "/etc/x";
  EXPECT_EQ(wrong(), "a string without its end");
  data_ = std::string("a\0b\0", 4);
  EXPECT_EQ(wrong(), "bytes after the strings");
  data_ = std::string(abi::kInterceptStringMost, 'x') + '\0';
  EXPECT_EQ(wrong(), "a string is too long");
  data_ = std::string(abi::kInterceptStringMost - 1, 'x') + '\0';
  EXPECT_EQ(wrong(), "");
  answer_.strings = 1 << 2;
  EXPECT_EQ(wrong(), "a string for an argument that has none");
}

TEST_F(InterceptAnswerTest, DeniesWithAnErrno) {
  answer_.action = abi::kInterceptDeny;
  for (i32 error : {0, -1, 4096, 0x7fffffff}) {
    answer_.error = error;
    EXPECT_EQ(wrong(), "its errno is wrong") << error;
  }
  answer_.error = 4095;
  EXPECT_EQ(wrong(), "");
  answer_.changed = 1;
  EXPECT_EQ(wrong(), "it changes a call that is not made");
}

TEST_F(InterceptAnswerTest, ItsValueIsNoError) {
  answer_.action = abi::kInterceptValue;
  answer_.value = ~u64{0} >> 1;
  EXPECT_EQ(wrong(), "");
  for (u64 value : {~u64{0}, static_cast<u64>(-4095), static_cast<u64>(-512), u64{1} << 63}) {
    answer_.value = value;
    EXPECT_EQ(wrong(), "its value is an error");
  }
}

TEST_F(InterceptAnswerTest, GivesNoMoreThanFits) {
  ask(__NR_read);
  request_.output = 1;
  request_.room = 3;
  answer_.action = abi::kInterceptGive;
  data_ = "abc";
  EXPECT_EQ(wrong(), "");
  data_ = "abcd";
  EXPECT_EQ(wrong(), "it has more bytes than fit");
  data_ = "";
  request_.output = 0xff;
  EXPECT_EQ(wrong(), "it has more bytes than fit") << "nowhere";
}

TEST_F(InterceptAnswerTest, HasADescriptorWhereOneIsWanted) {
  EXPECT_EQ(wrong(true), "a descriptor is missing or not wanted");
  answer_.action = abi::kInterceptFd;
  EXPECT_EQ(wrong(false), "a descriptor is missing or not wanted");
  EXPECT_EQ(wrong(true), "");
  ask(__NR_connect);
  answer_.action = abi::kInterceptFd;
  EXPECT_EQ(wrong(true), "");
  ask(__NR_read);
  answer_.action = abi::kInterceptFd;
  EXPECT_EQ(wrong(true), "the call gives no descriptor");
}

TEST_F(InterceptAnswerTest, HasNoUnknownParts) {
  answer_.action = 6;
  EXPECT_EQ(wrong(), "it has an unknown action");
  ask(__NR_openat);
  answer_.flags = 2;
  EXPECT_EQ(wrong(), "it has unknown flags");
  ask(__NR_openat);
  answer_.action = abi::kInterceptKill;
  data_ = "x";
  EXPECT_EQ(wrong(), "it has bytes for nothing");
}

}  // namespace
}  // namespace barchan
