// Any bytes as an ELF file: what is accepted must keep the promises of monitor/image/elf.h.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "abi/layout.h"
#include "monitor/image/elf.h"

using namespace barchan;

static void require(bool holds) {
  if (!holds) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Elf64_Ehdr header = {};
  const size_t have = size < sizeof header ? size : sizeof header;
  memcpy(&header, data, have);
  if (elf::check_header(header, have, size)) return 0;

  // The loader reads the table before it is checked: the header check must have bounded it.
  const size_t bytes = static_cast<size_t>(header.e_phnum) * sizeof(Elf64_Phdr);
  require(header.e_phnum <= elf::kMaxHeaders && header.e_phoff <= size && bytes <= size - header.e_phoff);
  std::vector<Elf64_Phdr> table(header.e_phnum);
  memcpy(table.data(), data + header.e_phoff, bytes);
  elf::Image image = {};
  if (elf::check_segments(header, table.data(), size, image)) return 0;

  require(image.low < image.high && image.high <= BARCHAN_ARENA_TOP);
  require(image.position_independent || image.low >= BARCHAN_ARENA_START);
  require(image.alignment >= kPageSize && (image.alignment & (image.alignment - 1)) == 0);
  if (image.has_interpreter) {
    require(image.interpreter_size <= elf::kMaxInterpreter);
    require(image.interpreter_offset <= size && image.interpreter_size <= size - image.interpreter_offset);
    const auto* name = reinterpret_cast<const char*>(data + image.interpreter_offset);
    if (!elf::check_interpreter(name, image.interpreter_size))
      require(strnlen(name, image.interpreter_size) < image.interpreter_size);
  }
  return 0;
}
