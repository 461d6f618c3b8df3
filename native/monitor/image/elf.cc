#include "monitor/image/elf.h"

#include <linux/errno.h>

#include "abi/layout.h"

namespace barchan::elf {
namespace {

// No real program asks for more; it keeps the bias arithmetic far from its limits.
constexpr u64 kMaxAlignment = u64{1} << 30;

constexpr Verdict reject(const char* why) { return {ENOEXEC, why}; }
constexpr bool power_of_two(u64 x) { return (x & (x - 1)) == 0; }
constexpr u64 end_of(const Elf64_Phdr& p) { return p.p_vaddr + p.p_memsz; }

// One PT_LOAD on its own. Afterwards vaddr + memsz and offset + filesz are known not to wrap.
Verdict check_load(const Elf64_Phdr& p, u64 size, bool position_independent) {
  if (p.p_filesz > p.p_memsz) return reject("a segment has more bytes in the file than in memory");
  if (p.p_offset > size || p.p_filesz > size - p.p_offset)
    return reject("a segment lies past the end of the file");
  if (p.p_vaddr >= BARCHAN_ARENA_TOP || p.p_memsz > BARCHAN_ARENA_TOP - p.p_vaddr)
    return reject("a segment lies outside the address space");
  if (!position_independent && p.p_vaddr < BARCHAN_ARENA_START)
    return reject("a segment lies below the lowest address");
  if (p.p_align > kMaxAlignment || !power_of_two(p.p_align))
    return reject("a segment has an impossible alignment");
  if (p.p_filesz != 0 && ((p.p_vaddr ^ p.p_offset) & (kPageSize - 1)) != 0)
    return reject("a segment's address and file offset differ within the page");
  return {};
}

// Linux lets a later segment overwrite an earlier one; nothing that a linker makes does so.
bool overlaps(const Elf64_Phdr& a, const Elf64_Phdr& b) {
  return a.p_vaddr < end_of(b) && b.p_vaddr < end_of(a);
}

void add_segment(const Elf64_Phdr& p, const Elf64_Ehdr& header, Image& image) {
  image.low = min<u64>(image.low, p.p_vaddr);
  image.high = max<u64>(image.high, end_of(p));
  image.alignment = max<u64>(image.alignment, p.p_align);
  if (p.p_offset <= header.e_phoff && header.e_phoff - p.p_offset < p.p_filesz)
    image.headers_address = header.e_phoff - p.p_offset + p.p_vaddr;
  u64 file_end = p.p_vaddr + p.p_filesz;
  if (p.p_flags & PF_X) {
    image.code_start = min<u64>(image.code_start, p.p_vaddr);
    image.code_end = max<u64>(image.code_end, file_end);
  }
  image.data_start = max<u64>(image.data_start, p.p_vaddr);
  image.data_end = max<u64>(image.data_end, file_end);
}

}  // namespace

Verdict check_header(const Elf64_Ehdr& header, u64 have, u64 size) {
  const unsigned char* id = header.e_ident;
  if (have < SELFMAG || id[EI_MAG0] != ELFMAG0 || id[EI_MAG1] != ELFMAG1 || id[EI_MAG2] != ELFMAG2 ||
      id[EI_MAG3] != ELFMAG3)
    return reject("not an ELF file or a script");
  if (have < sizeof header) return reject("the ELF header is truncated");
  if (id[EI_CLASS] != ELFCLASS64) return reject("not a 64-bit program");
  if (id[EI_DATA] != ELFDATA2LSB) return reject("not a little-endian program");
  if (header.e_machine != EM_X86_64) return reject("built for another processor");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return reject("an ELF file, but not an executable one");
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return reject("program headers of an unknown size");
  if (header.e_phnum == 0) return reject("no program headers");
  if (header.e_phnum > kMaxHeaders) return reject("too many program headers");
  u64 bytes = u64{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff > size || bytes > size - header.e_phoff)
    return reject("the program headers are truncated");
  return {};
}

Verdict check_segments(const Elf64_Ehdr& header, const Elf64_Phdr* table, u64 size, Image& image) {
  image = {};
  image.position_independent = header.e_type == ET_DYN;
  image.entry = header.e_entry;
  image.low = image.code_start = ~u64{0};
  image.alignment = kPageSize;

  for (u32 i = 0; i < header.e_phnum; i++) {
    const Elf64_Phdr& p = table[i];
    if (p.p_type == PT_GNU_STACK) {
      image.executable_stack = (p.p_flags & PF_X) != 0;
    } else if (p.p_type == PT_INTERP && !image.has_interpreter) {  // Linux uses the first
      if (p.p_filesz < 2 || p.p_filesz > kMaxInterpreter)
        return reject("the interpreter's name has an impossible length");
      if (p.p_offset > size || p.p_filesz > size - p.p_offset)
        return reject("the interpreter's name lies past the end of the file");
      image.has_interpreter = true;
      image.interpreter_offset = p.p_offset;
      image.interpreter_size = static_cast<u32>(p.p_filesz);
    } else if (p.p_type == PT_LOAD && p.p_memsz != 0) {
      if (Verdict v = check_load(p, size, image.position_independent)) return v;
      for (u32 j = 0; j < i; j++) {
        if (table[j].p_type == PT_LOAD && table[j].p_memsz != 0 && overlaps(p, table[j]))
          return reject("two segments overlap");
      }
      add_segment(p, header, image);
    } else if (p.p_type == PT_LOAD) {  // empty
      if (p.p_filesz != 0) return reject("a segment has more bytes in the file than in memory");
      if (p.p_vaddr >= BARCHAN_ARENA_TOP) return reject("a segment lies outside the address space");
    }
  }
  if (image.high == 0) return reject("nothing to load");
  if (image.code_start > image.code_end) image.code_start = image.code_end;
  if (image.entry < image.low || image.entry >= image.high)
    return reject("the entry point lies outside the program");
  return {};
}

Verdict check_interpreter(const char* name, u32 size) {
  if (size < 2 || name[size - 1] != 0) return reject("the interpreter's name is not terminated");
  return {};
}

}  // namespace barchan::elf
