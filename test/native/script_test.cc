// The first line of scripts, against what Linux does with the same bytes (man 2 execve, "Interpreter scripts").
#include "monitor/image/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace barchan::script {
namespace {

struct Parsed {
  Kind kind;
  std::string interpreter, argument;
  bool has_argument;
};

Parsed parse_text(const std::string& file) {
  char head[kHeadSize] = {};
  std::copy_n(file.data(), std::min(file.size(), kHeadSize), head);
  Line line = {};
  Kind kind = parse(head, line);
  if (kind != Kind::kScript) return {kind, "", "", false};
  return {kind, line.interpreter, line.argument ? line.argument : "", line.argument != nullptr};
}

void expect_line(const std::string& file, const std::string& interpreter) {
  Parsed p = parse_text(file);
  ASSERT_EQ(p.kind, Kind::kScript) << file;
  EXPECT_EQ(p.interpreter, interpreter) << file;
  EXPECT_FALSE(p.has_argument) << file;
}

void expect_line(const std::string& file, const std::string& interpreter, const std::string& argument) {
  Parsed p = parse_text(file);
  ASSERT_EQ(p.kind, Kind::kScript) << file;
  EXPECT_EQ(p.interpreter, interpreter) << file;
  EXPECT_TRUE(p.has_argument) << file;
  EXPECT_EQ(p.argument, argument) << file;
}

std::string filled(size_t size) { return "#!/" + std::string(size - 3, 'x'); }

TEST(Script, InterpreterAlone) {
  expect_line("#!/bin/sh\necho", "/bin/sh");
  expect_line("#!/bin/sh", "/bin/sh");
  expect_line("#! \t /bin/sh \t \necho", "/bin/sh");
  expect_line("#!sh\n", "sh");
}

TEST(Script, EverythingBehindTheNameIsOneArgument) {
  expect_line("#!/bin/sh -e\n", "/bin/sh", "-e");
  expect_line("#!/usr/bin/env -S a  b c  \n", "/usr/bin/env", "-S a  b c");
  expect_line("#!/bin/sh\t-e", "/bin/sh", "-e");
  expect_line("#!/bin/sh \r\n", "/bin/sh", "\r");
}

TEST(Script, ANulEndsTheLine) {
  expect_line(std::string("#!/bin/sh\0-e\n", 13), "/bin/sh");
  expect_line(std::string("#!/bin/sh -e\0 x\n", 16), "/bin/sh", "-e");
}

TEST(Script, EmptyNameOrArgumentAtTheEndOfTheFile) {
  expect_line("#!", "");
  expect_line("#!  ", "");
  expect_line("#!/bin/sh ", "/bin/sh", "");
}

TEST(Script, NotAScript) {
  EXPECT_EQ(parse_text("").kind, Kind::kNotScript);
  EXPECT_EQ(parse_text("#").kind, Kind::kNotScript);
  EXPECT_EQ(parse_text("# !/bin/sh\n").kind, Kind::kNotScript);
  EXPECT_EQ(parse_text("\x7f"
                       "ELF")
                .kind,
            Kind::kNotScript);
}

TEST(Script, NoInterpreter) {
  EXPECT_EQ(parse_text("#!\n").kind, Kind::kBad);
  EXPECT_EQ(parse_text("#! \t \n/bin/sh\n").kind, Kind::kBad);
  EXPECT_EQ(parse_text("#!" + std::string(300, ' ')).kind, Kind::kBad);
}

TEST(Script, ANameThatMayBeCutOffIsRefused) {
  EXPECT_EQ(parse_text(filled(256)).kind, Kind::kBad);
  EXPECT_EQ(parse_text(filled(400) + "\n").kind, Kind::kBad);
  expect_line(filled(255), filled(255).substr(2));
  expect_line(filled(255) + "\n", filled(255).substr(2));
  expect_line(filled(255) + " ", filled(255).substr(2));
  // An argument may be cut off.
  expect_line("#!/bin/sh " + std::string(400, 'y'), "/bin/sh", std::string(245, 'y'));
}

}  // namespace
}  // namespace barchan::script
