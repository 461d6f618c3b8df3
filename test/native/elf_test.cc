// ELF headers: every rule of monitor/image/elf.cc is broken once, alone.
#include "monitor/image/elf.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "abi/layout.h"

namespace barchan::elf {
namespace {

struct File {
  Elf64_Ehdr header = {};
  std::vector<Elf64_Phdr> table;
  u64 size = 0x5000;
  u64 have = sizeof(Elf64_Ehdr);
  Image image = {};

  Verdict check() {
    if (Verdict v = check_header(header, have, size)) return v;
    return check_segments(header, table.data(), size, image);
  }
};

Elf64_Phdr load(u32 flags, u64 offset, u64 address, u64 filesz, u64 memsz) {
  Elf64_Phdr p = {};
  p.p_type = PT_LOAD;
  p.p_flags = flags;
  p.p_offset = offset;
  p.p_vaddr = p.p_paddr = address;
  p.p_filesz = filesz;
  p.p_memsz = memsz;
  p.p_align = 0x1000;
  return p;
}

// A small program as a linker lays it out: text, data with bss, stack note.
File good(u16 type = ET_EXEC) {
  File f;
  memcpy(f.header.e_ident, ELFMAG, SELFMAG);
  f.header.e_ident[EI_CLASS] = ELFCLASS64;
  f.header.e_ident[EI_DATA] = ELFDATA2LSB;
  f.header.e_ident[EI_VERSION] = EV_CURRENT;
  f.header.e_type = type;
  f.header.e_machine = EM_X86_64;
  f.header.e_version = EV_CURRENT;
  f.header.e_phoff = sizeof(Elf64_Ehdr);
  f.header.e_ehsize = sizeof(Elf64_Ehdr);
  f.header.e_phentsize = sizeof(Elf64_Phdr);
  u64 base = type == ET_EXEC ? 0x400000 : 0;
  f.header.e_entry = base + 0x1040;
  f.table.push_back(load(PF_R | PF_X, 0, base, 0x2800, 0x2800));
  f.table.push_back(load(PF_R | PF_W, 0x2800, base + 0x3800, 0x400, 0x9000));
  Elf64_Phdr stack = {};
  stack.p_type = PT_GNU_STACK;
  stack.p_flags = PF_R | PF_W;
  f.table.push_back(stack);
  f.header.e_phnum = static_cast<u16>(f.table.size());
  return f;
}

void add(File& f, const Elf64_Phdr& p) {
  f.table.push_back(p);
  f.header.e_phnum++;
}

Elf64_Phdr interpreter(u64 offset, u64 size) {
  Elf64_Phdr p = {};
  p.p_type = PT_INTERP;
  p.p_offset = offset;
  p.p_filesz = p.p_memsz = size;
  return p;
}

TEST(Elf, AcceptsAProgram) {
  File f = good();
  ASSERT_FALSE(f.check()) << f.check().why;
  EXPECT_FALSE(f.image.position_independent);
  EXPECT_FALSE(f.image.executable_stack);
  EXPECT_FALSE(f.image.has_interpreter);
  EXPECT_EQ(f.image.low, 0x400000u);
  EXPECT_EQ(f.image.high, 0x40c800u);
  EXPECT_EQ(f.image.alignment, kPageSize);
  EXPECT_EQ(f.image.headers_address, 0x400040u);
  EXPECT_EQ(f.image.code_start, 0x400000u);
  EXPECT_EQ(f.image.code_end, 0x402800u);
}

TEST(Elf, AcceptsASharedObjectWithInterpreterAndStackFlag) {
  File f = good(ET_DYN);
  add(f, interpreter(0x238, 28));
  f.table[2].p_flags |= PF_X;
  f.table[0].p_align = 0x200000;
  ASSERT_FALSE(f.check()) << f.check().why;
  EXPECT_TRUE(f.image.position_independent);
  EXPECT_TRUE(f.image.executable_stack);
  EXPECT_TRUE(f.image.has_interpreter);
  EXPECT_EQ(f.image.interpreter_offset, 0x238u);
  EXPECT_EQ(f.image.interpreter_size, 28u);
  EXPECT_EQ(f.image.alignment, 0x200000u);
}

TEST(Elf, AcceptsSegmentsInAnyOrderAndEmptyOnes) {
  File f = good();
  std::swap(f.table[0], f.table[1]);
  add(f, load(PF_R, 0x7fffffffffff, 0, 0, 0));
  f.table[0].p_align = 0;
  f.table[1].p_align = 1;
  ASSERT_FALSE(f.check()) << f.check().why;
  EXPECT_EQ(f.image.high, 0x40c800u);
}

TEST(Elf, AcceptsHeadersOutsideEverySegment) {
  File f = good();
  f.header.e_phoff = 0x4000;
  ASSERT_FALSE(f.check()) << f.check().why;
  EXPECT_EQ(f.image.headers_address, 0u);
}

struct Fault {
  const char* name;
  std::function<void(File&)> break_it;
};

const Fault kFaults[] = {
    {"empty file", [](File& f) { f.have = f.size = 0; }},
    {"four bytes", [](File& f) { f.have = f.size = 4; }},
    {"header cut by one byte", [](File& f) { f.have = f.size = sizeof(Elf64_Ehdr) - 1; }},
    {"magic", [](File& f) { f.header.e_ident[EI_MAG3] = 'f'; }},
    {"class 32", [](File& f) { f.header.e_ident[EI_CLASS] = ELFCLASS32; }},
    {"class 0", [](File& f) { f.header.e_ident[EI_CLASS] = 0; }},
    {"big-endian", [](File& f) { f.header.e_ident[EI_DATA] = ELFDATA2MSB; }},
    {"i386", [](File& f) { f.header.e_machine = EM_386; }},
    {"aarch64", [](File& f) { f.header.e_machine = EM_AARCH64; }},
    {"relocatable", [](File& f) { f.header.e_type = ET_REL; }},
    {"core", [](File& f) { f.header.e_type = ET_CORE; }},
    {"phentsize 0", [](File& f) { f.header.e_phentsize = 0; }},
    {"phentsize 32", [](File& f) { f.header.e_phentsize = 32; }},
    {"no headers", [](File& f) { f.header.e_phnum = 0; }},
    {"phnum beyond the limit",
     [](File& f) {
       f.header.e_phnum = kMaxHeaders + 1;
       f.size = 1 << 20;
     }},
    {"phnum 65535",
     [](File& f) {
       f.header.e_phnum = 0xffff;
       f.size = 1 << 24;
     }},
    {"headers cut", [](File& f) { f.size = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr) - 1; }},
    {"phoff past the end", [](File& f) { f.header.e_phoff = f.size + 1; }},
    {"phoff wraps", [](File& f) { f.header.e_phoff = ~0ull - 8; }},
    {"nothing to load", [](File& f) { f.table[0].p_type = f.table[1].p_type = PT_NULL; }},
    {"filesz over memsz", [](File& f) { f.table[1].p_memsz = 0x3ff; }},
    {"filesz without memsz", [](File& f) { f.table[1].p_memsz = 0; }},
    {"empty segment in kernel memory", [](File& f) { add(f, load(PF_R, 0, ~0ull, 0, 0)); }},
    {"segment cut", [](File& f) { f.size = 0x2bff; }},
    {"offset wraps", [](File& f) { f.table[1].p_offset = ~0ull - 0x7ff; }},
    {"filesz wraps", [](File& f) { f.table[1].p_filesz = f.table[1].p_memsz = ~0ull; }},
    {"memsz wraps", [](File& f) { f.table[1].p_memsz = ~0ull - 0x403000; }},
    {"memsz fills the arena", [](File& f) { f.table[1].p_memsz = BARCHAN_ARENA_TOP; }},
    {"address in monitor memory", [](File& f) { f.table[1].p_vaddr = BARCHAN_ARENA_END + 0x800; }},
    {"address in the system region", [](File& f) { f.table[1].p_vaddr = BARCHAN_SYSTEM_VA + 0x800; }},
    {"address in kernel memory", [](File& f) { f.table[1].p_vaddr = 0xffffffff81000800; }},
    {"address in the hole", [](File& f) { f.table[1].p_vaddr = BARCHAN_ARENA_TOP - 0x800; }},
    {"address 0", [](File& f) { f.table[0].p_vaddr = 0; }},
    {"address below the lowest", [](File& f) { f.table[0].p_vaddr = BARCHAN_ARENA_START - 0x1000; }},
    {"alignment 3", [](File& f) { f.table[0].p_align = 3; }},
    {"alignment 2 to the 63", [](File& f) { f.table[0].p_align = 1ull << 63; }},
    {"alignment 2 to the 40", [](File& f) { f.table[0].p_align = 1ull << 40; }},
    {"offset and address differ in the page",
     [](File& f) {
       f.table[1].p_offset += 8;
       f.table[1].p_filesz -= 8;
     }},
    {"overlap", [](File& f) { f.table[1].p_vaddr = 0x401800; }},
    {"the same segment twice", [](File& f) { add(f, f.table[0]); }},
    {"overlap of bss", [](File& f) { add(f, load(PF_R, 0, 0x409000, 0x100, 0x100)); }},
    {"entry below", [](File& f) { f.header.e_entry = 0x3fffff; }},
    {"entry above", [](File& f) { f.header.e_entry = 0x40c800; }},
    {"entry in monitor memory", [](File& f) { f.header.e_entry = BARCHAN_SYSTEM_VA; }},
    {"interpreter of one byte", [](File& f) { add(f, interpreter(0x200, 1)); }},
    {"interpreter of no bytes", [](File& f) { add(f, interpreter(0x200, 0)); }},
    {"interpreter longer than a path", [](File& f) { add(f, interpreter(0x200, 4097)); }},
    {"interpreter past the end", [](File& f) { add(f, interpreter(f.size - 1, 2)); }},
    {"interpreter offset wraps", [](File& f) { add(f, interpreter(~0ull, 2)); }},
};

class ElfFault : public ::testing::TestWithParam<Fault> {};

TEST_P(ElfFault, IsRefused) {
  File f = good();
  GetParam().break_it(f);
  Verdict v = f.check();
  EXPECT_EQ(v.error, ENOEXEC);
  EXPECT_NE(v.why, nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, ElfFault, ::testing::ValuesIn(kFaults), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name)
    if (!isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

TEST(Elf, InterpreterName) {
  EXPECT_FALSE(check_interpreter("/lib64/ld.so", 13));
  EXPECT_EQ(check_interpreter("/lib64/ld.so", 12).error, ENOEXEC);
  EXPECT_FALSE(check_interpreter("\0", 2));
}

// Whatever the bytes: an accepted file stays inside the arena, with sums that do not wrap.
TEST(Elf, RandomFilesKeepTheContract) {
  std::mt19937_64 random(1);
  const u64 edges[] = {0, 1, 0xfff, 0x1000, 0x5000, BARCHAN_ARENA_TOP, BARCHAN_ARENA_END, 1ull << 63, ~0ull};
  int accepted = 0;
  for (int round = 0; round < 200000; round++) {
    File f = good(round % 2 ? ET_EXEC : ET_DYN);
    int changes = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < changes; i++) {
      u64 words = sizeof(Elf64_Phdr) / 8;
      u64 value = random() % 2 ? edges[random() % std::size(edges)] : random() % 0x10000;
      u8* at = reinterpret_cast<u8*>(&f.table[random() % f.table.size()]) + 8 * (random() % words);
      memcpy(at, &value, 8);
    }
    if (f.check()) continue;
    accepted++;
    EXPECT_LT(f.image.low, f.image.high);
    EXPECT_LE(f.image.high, static_cast<u64>(BARCHAN_ARENA_TOP));
    EXPECT_GE(f.image.entry, f.image.low);
    EXPECT_LT(f.image.entry, f.image.high);
    for (const Elf64_Phdr& p : f.table) {
      if (p.p_type != PT_LOAD || p.p_memsz == 0) continue;
      EXPECT_LE(p.p_filesz, p.p_memsz);
      EXPECT_LE(p.p_offset + p.p_filesz, f.size);
      EXPECT_GE(p.p_vaddr, f.image.low);
      EXPECT_LE(p.p_vaddr + p.p_memsz, f.image.high);
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace barchan::elf
