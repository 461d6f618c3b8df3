// /proc/PID/stat, whose second field a program chooses.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

#include "supervisor/family.h"

namespace barchan::supervisor {
namespace {

i64 parse(const std::string& text) {
  const std::string exact(text.begin(), text.end());
  return parent_of(exact.data(), exact.size());
}

TEST(ParentOf, ReadsTheKernelsOwn) {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(parse(text), getppid());
}

TEST(ParentOf, IsNotFooledByTheName) {
  EXPECT_EQ(parse("12 (sh) S 7 12 12 0"), 7);
  EXPECT_EQ(parse("12 () S 7 12"), 7);
  EXPECT_EQ(parse("12 (a) R 1 (b) S 7 12"), 7);
  EXPECT_EQ(parse("12 ()) S 1 1) Z 7 12"), 7);
  EXPECT_EQ(parse("12 (a\n) S 1\n) S 7 12"), 7);
}

TEST(ParentOf, RefusesWhatIsCutOff) {
  const std::string whole = "12 (sh) S 7";
  for (size_t size = 0; size < whole.size(); size++) EXPECT_EQ(parse(whole.substr(0, size)), -1) << size;
  EXPECT_EQ(parse("12 (sh) S -7 1"), -1);
  EXPECT_EQ(parse("12 (sh) S 99999999999 1"), -1);
  EXPECT_EQ(parse("12 (sh)"), -1);
  EXPECT_EQ(parse(")"), -1);
}

}  // namespace
}  // namespace barchan::supervisor
