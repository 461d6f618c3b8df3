// The monitor's own libc functions against the real ones, and the text builder at its limits.

#include <gtest/gtest.h>

#include <algorithm>
#include <climits>
#include <random>
#include <string>
#include <cstring>
#include <vector>

#include "host/string.h"

// As CMakeLists.txt names them.
extern "C" {
void* barchan_memcpy(void* to, const void* from, size_t size);
void* barchan_memmove(void* to, const void* from, size_t size);
void* barchan_memset(void* to, int byte, size_t size);
int barchan_memcmp(const void* a, const void* b, size_t size);
size_t barchan_strlen(const char* text);
int barchan_strcmp(const char* a, const char* b);
int barchan_strncmp(const char* a, const char* b, size_t size);
}

namespace barchan {
namespace {

int sign(int value) { return value < 0 ? -1 : value > 0; }

TEST(Memory, MovesOverlappingRangesBothWays) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; round++) {
    std::vector<unsigned char> ours(64);
    for (auto& byte : ours) byte = static_cast<unsigned char>(random());
    std::vector<unsigned char> theirs = ours;
    size_t from = random() % 64, to = random() % 64;
    size_t size = random() % (64 - std::max(from, to) + 1);
    EXPECT_EQ(barchan_memmove(ours.data() + to, ours.data() + from, size), ours.data() + to);
    memmove(theirs.data() + to, theirs.data() + from, size);
    ASSERT_EQ(ours, theirs);
  }
}

TEST(Memory, CopiesAndFillsExactly) {
  for (size_t size = 0; size < 40; size++) {
    std::vector<char> from(size, 'x'), to(size + 2, '.');
    EXPECT_EQ(barchan_memcpy(to.data() + 1, from.data(), size), to.data() + 1);
    EXPECT_EQ(std::string(to.data(), to.size()), "." + std::string(size, 'x') + ".");
    EXPECT_EQ(barchan_memset(to.data() + 1, 0x1ff, size), to.data() + 1);
    EXPECT_EQ(std::string(to.data(), to.size()), "." + std::string(size, '\xff') + ".");
  }
}

TEST(Memory, ComparesBytesUnsigned) {
  const char* samples[] = {"", "a", "b", "ab", "abc", "abd", "\x7f", "\x80", "\xff", "\xff\x01"};
  for (const char* a : samples) {
    EXPECT_EQ(barchan_strlen(a), strlen(a));
    for (const char* b : samples) {
      EXPECT_EQ(sign(barchan_strcmp(a, b)), sign(strcmp(a, b))) << a << " " << b;
      for (size_t n = 0; n < 5; n++) EXPECT_EQ(sign(barchan_strncmp(a, b, n)), sign(strncmp(a, b, n)));
      size_t shorter = std::min(strlen(a), strlen(b));
      EXPECT_EQ(sign(barchan_memcmp(a, b, shorter)), sign(memcmp(a, b, shorter)));
    }
  }
}

TEST(Prefix, IsFoundAtTheStartOnly) {
  EXPECT_TRUE(starts_with("/dev/fd/7", "/dev/fd/"));
  EXPECT_TRUE(starts_with("abc", "abc"));
  EXPECT_TRUE(starts_with("abc", ""));
  EXPECT_FALSE(starts_with("ab", "abc"));
  EXPECT_FALSE(starts_with("xabc", "abc"));
}

TEST(TextBuilder, WritesNumbers) {
  char buffer[256];
  Text text(buffer, sizeof buffer);
  text.dec(0).put(' ').dec(-1).put(' ').dec(INT64_MIN).put(' ').dec(INT64_MAX).put(' ').udec(UINT64_MAX);
  EXPECT_STREQ(text.data(), "0 -1 -9223372036854775808 9223372036854775807 18446744073709551615");
  EXPECT_EQ(text.size(), strlen(text.data()));
  Text hex(buffer, sizeof buffer);
  hex.hex(0).put(' ').hex(0xdeadbeef).put(' ').hex(UINT64_MAX);
  EXPECT_STREQ(hex.data(), "0x0 0xdeadbeef 0xffffffffffffffff");
}

TEST(TextBuilder, NeverPassesItsBuffer) {
  for (size_t capacity = 1; capacity < 12; capacity++) {
    std::vector<char> buffer(capacity);  // AddressSanitizer watches its end
    Text text(buffer.data(), capacity);
    text.str("abc").bytes("defgh", 5).dec(-12345).hex(0x1234);
    EXPECT_EQ(text.size(), capacity - 1);
    EXPECT_TRUE(text.full());
    EXPECT_EQ(std::string(text.data()), std::string("abcdefgh-12345").substr(0, capacity - 1));
  }
}

TEST(ParseDecimal, TakesDigitsOnly) {
  EXPECT_EQ(parse_decimal("0"), 0);
  EXPECT_EQ(parse_decimal("007"), 7);
  EXPECT_EQ(parse_decimal("2147483647"), INT_MAX);
  for (const char* wrong :
       {"", "-1", "+1", " 1", "1 ", "1a", "a", "0x10", "2147483648", "99999999999999999999", "1.0"})
    EXPECT_EQ(parse_decimal(wrong), -1) << wrong;
}

}  // namespace
}  // namespace barchan
