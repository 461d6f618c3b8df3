#include "monitor/image/load.h"

#include <linux/mman.h>

#include "abi/layout.h"
#include "host/uaccess.h"
#include "monitor/mm/mm.h"

namespace barchan {
namespace {

int protection(u32 flags) {
  return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

// Pages of one segment in guest memory.
struct Pages {
  u64 start, end;
  bool overlap(const Pages& o) const { return start < o.end && o.start < end; }
};

bool is_loaded(const Elf64_Phdr& p) { return p.p_type == PT_LOAD && p.p_memsz != 0; }
Pages pages_of(const Elf64_Phdr& p, u64 bias) {
  return {page_down(p.p_vaddr + bias), page_up(p.p_vaddr + p.p_memsz + bias)};
}

constexpr u64 align_down(u64 x, u64 alignment) { return x & ~(alignment - 1); }

// Maps [start, end) of whole pages. Over what an earlier segment left there, as in Linux.
i64 map_pages(u64 start, u64 end, int prot, int flags, int fd, u64 offset) {
  if (start == end) return 0;
  i64 r = mm::map(start, end - start, prot, MAP_PRIVATE | MAP_FIXED | flags, fd, offset);
  return r < 0 ? r : 0;
}

// The file's part, then zeros up to memsz: the rest of the last page of the file and fresh pages.
i64 map_segment(const Elf64_Phdr& p, int fd, u64 bias) {
  int prot = protection(p.p_flags);
  u64 start = p.p_vaddr + bias;
  u64 file_end = start + p.p_filesz, end = start + p.p_memsz;
  u64 fresh = page_down(start);
  if (p.p_filesz != 0) {
    fresh = page_up(file_end);
    i64 r = map_pages(page_down(start), fresh, prot, 0, fd, page_down(p.p_offset));
    if (r < 0) return r;
    // Linux, too, leaves the file's bytes there when the segment cannot be written.
    if (p.p_memsz > p.p_filesz && (prot & PROT_WRITE)) {
      r = clear_guest(file_end, fresh - file_end);
      if (r < 0) return r;
    }
  }
  // Linux gives zero pages read and write permission whatever the segment says.
  int zero_prot = PROT_READ | PROT_WRITE | (prot & PROT_EXEC);
  if (page_up(end) <= fresh) return 0;
  return map_pages(fresh, page_up(end), zero_prot, MAP_ANONYMOUS, -1, 0);
}

i64 map_segments(const ElfFile& file, u64 bias) {
  for (u32 i = 0; i < file.header.e_phnum; i++) {
    const Elf64_Phdr& p = file.table[i];
    if (!is_loaded(p)) continue;
    if (i64 r = map_segment(p, file.fd, bias); r < 0) return r;
  }
  return 0;
}

// Does any segment touch `taken`?
bool touches(const ElfFile& file, u64 bias, const Pages& taken) {
  for (u32 i = 0; i < file.header.e_phnum; i++) {
    if (is_loaded(file.table[i]) && pages_of(file.table[i], bias).overlap(taken)) return true;
  }
  return false;
}

// The image lies in the arena, and none of its segments on the initial stack.
bool fits(const ElfFile& file, u64 bias) {
  const Pages image = {page_down(file.image.low) + bias, page_up(file.image.high) + bias};
  const mm::Layout& where = mm::layout();
  return image.start >= BARCHAN_ARENA_START && image.start < image.end && image.end <= BARCHAN_ARENA_TOP &&
         !touches(file, bias, {where.stack_top - where.stack_size, where.stack_top});
}

i64 program_bias(const ElfFile& program, u64& bias) {
  const elf::Image& image = program.image;
  bias = 0;
  if (image.position_independent)
    bias = align_down(mm::layout().exe_base, image.alignment) - align_down(image.low, image.alignment);
  return fits(program, bias) ? 0 : -ENOMEM;
}

// An interpreter with fixed addresses goes where it wants to be, if the program has left room there.
i64 fixed_interpreter_bias(const ElfFile& interpreter, const ElfFile& program, u64 program_bias, u64& bias) {
  bias = 0;
  if (!fits(interpreter, 0)) return -ENOMEM;
  for (u32 i = 0; i < program.header.e_phnum; i++) {
    const Elf64_Phdr& p = program.table[i];
    if (is_loaded(p) && touches(interpreter, 0, pages_of(p, program_bias))) return -EEXIST;
  }
  return 0;
}

// Any other goes where mmap(NULL) would put it.
i64 interpreter_bias(const ElfFile& interpreter, u64& bias) {
  const elf::Image& image = interpreter.image;
  u64 low = align_down(image.low, image.alignment);
  u64 size = page_up(image.high) - low;
  u64 slack = image.alignment - kPageSize;
  i64 place = mm::map(0, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place < 0) return place;
  mm::unmap(static_cast<u64>(place), size + slack);
  bias = align_down(static_cast<u64>(place) + slack, image.alignment) - low;
  return 0;
}

}  // namespace

i64 load_target(const Target& target, Loaded& loaded) {
  const elf::Image& program = target.program.image;
  loaded = {};
  i64 r = mm::map_stack(PROT_READ | PROT_WRITE | (program.executable_stack ? PROT_EXEC : 0));
  if (r < 0) return r;
  if ((r = program_bias(target.program, loaded.bias)) < 0) return r;
  if ((r = map_segments(target.program, loaded.bias)) < 0) return r;
  mm::set_brk_start(page_up(program.high + loaded.bias));
  loaded.program_entry = loaded.start = program.entry + loaded.bias;
  loaded.headers = program.headers_address != 0 ? program.headers_address + loaded.bias : 0;
  if (target.interpreter.fd < 0) return 0;

  u64 bias = 0;
  const elf::Image& interpreter = target.interpreter.image;
  r = interpreter.position_independent
          ? interpreter_bias(target.interpreter, bias)
          : fixed_interpreter_bias(target.interpreter, target.program, loaded.bias, bias);
  if (r < 0) return r;
  if ((r = map_segments(target.interpreter, bias)) < 0) return r;
  loaded.interpreter_base = bias;
  loaded.start = interpreter.entry + bias;
  return 0;
}

}  // namespace barchan
