#include "monitor/image/stack.h"

#include <asm/auxvec.h>
#include <linux/auxvec.h>

#include "host/string.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/mm/mm.h"

// Newer than some kernel headers.
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

namespace barchan {

AuxiliaryVector auxiliary_vector;

namespace {

constexpr u64 kHwcap2Ring3Mwait = 1;  // the vCPU does not offer MONITOR/MWAIT in ring 3
constexpr char kPlatform[] = "x86_64";
constexpr u64 kRandomSize = 16;
// Linux moves the stack pointer down by up to 8 KiB below the strings.
constexpr u64 kRandomGap = 8192;

u64 count(const char* const* list) {
  u64 n = 0;
  while (list[n] != nullptr) n++;
  return n;
}

void random_bytes(void* to, size_t size) {
  u8* from = static_cast<u8*>(to);
  while (size != 0) {
    i64 n = host::call(__NR_getrandom, from, size, 0);
    if (n <= 0) continue;  // EINTR: up to 256 bytes cannot fail otherwise
    from += n;
    size -= static_cast<size_t>(n);
  }
}

// Writes downwards into the guest's stack. The first error sticks; nothing is written after it.
class Builder {
 public:
  Builder(u64 top, u64 bottom) : at_(top), bottom_(bottom) {}

  u64 at() const { return at_; }
  i64 error() const { return error_; }

  u64 bytes(const void* from, u64 size) {
    if (!reserve(size)) return 0;
    if (i64 r = copy_to_guest(at_, from, size); r < 0) error_ = r;
    return at_;
  }
  u64 string(const char* text) { return bytes(text, strlen(text) + 1); }

  // Moves down by `size` bytes; false (and E2BIG) when the stack is full.
  bool reserve(u64 size) {
    if (error_ != 0) return false;
    if (size > at_ - bottom_) {
      error_ = -E2BIG;
      return false;
    }
    at_ -= size;
    return true;
  }
  void align() { at_ &= ~u64{15}; }

 private:
  u64 at_, bottom_;
  i64 error_ = 0;
};

// A table of pointers that is written upwards, in chunks.
class Table {
 public:
  explicit Table(u64 at) : at_(at) {}
  void put(u64 word) {
    words_[filled_++] = word;
    if (filled_ == kChunk) flush();
  }
  i64 flush() {
    if (error_ == 0) error_ = copy_to_guest(at_, words_, filled_ * sizeof words_[0]);
    at_ += filled_ * sizeof words_[0];
    filled_ = 0;
    return error_;
  }

 private:
  static constexpr u64 kChunk = 128;
  u64 at_;
  u64 words_[kChunk];
  u64 filled_ = 0;
  i64 error_ = 0;
};

struct Strings {
  u64 execfn, platform, random;
};

void fill_auxiliary(const KernelStack& kernel, const Target& target, const Loaded& loaded,
                    const Strings& where) {
  AuxiliaryVector& v = auxiliary_vector;
  v.size = 0;
  auto put = [&](u64 type, u64 value) {
    v.words[v.size / sizeof(u64)] = type;
    v.words[v.size / sizeof(u64) + 1] = value;
    v.size += 2 * sizeof(u64);
  };
  auto same = [&](u64 type) { put(type, kernel.auxiliary_value(type)); };
  // The order is Linux's (create_elf_tables). No AT_RSEQ_*: rseq(2) is answered with ENOSYS.
  if (u64 vdso = mm::map_vdso()) put(AT_SYSINFO_EHDR, vdso);
  if (kernel.auxiliary_value(AT_MINSIGSTKSZ) != 0) same(AT_MINSIGSTKSZ);
  same(AT_HWCAP);
  put(AT_PAGESZ, kPageSize);
  same(AT_CLKTCK);
  put(AT_PHDR, loaded.headers);
  put(AT_PHENT, sizeof(Elf64_Phdr));
  put(AT_PHNUM, target.program.header.e_phnum);
  put(AT_BASE, loaded.interpreter_base);
  put(AT_FLAGS, 0);
  put(AT_ENTRY, loaded.program_entry);
  same(AT_UID);
  same(AT_EUID);
  same(AT_GID);
  same(AT_EGID);
  same(AT_SECURE);
  put(AT_RANDOM, where.random);
  put(AT_HWCAP2, kernel.auxiliary_value(AT_HWCAP2) & ~kHwcap2Ring3Mwait);
  put(AT_EXECFN, where.execfn);
  put(AT_PLATFORM, where.platform);
  put(AT_NULL, 0);
}

}  // namespace

KernelStack::KernelStack(const u64* stack) {
  arguments = reinterpret_cast<const char* const*>(stack + 1);
  argument_count = stack[0];
  environment = arguments + argument_count + 1;
  environment_count = count(environment);
  auxiliary = reinterpret_cast<const u64*>(environment + environment_count + 1);
}

u64 KernelStack::auxiliary_value(u64 type) const {
  for (const u64* p = auxiliary; p[0] != AT_NULL; p += 2) {
    if (p[0] == type) return p[1];
  }
  return 0;
}

i64 build_stack(const KernelStack& kernel, const Target& target, const Loaded& loaded, const char* execfn,
                u64& rsp) {
  const mm::Layout& layout = mm::layout();
  Builder stack(layout.stack_top, layout.stack_top - layout.stack_size + kPageSize);
  const u64 kept = kernel.argument_count != 0 && target.prefix_count != 0 ? 1 : 0;  // argv[0] is replaced
  auto argument = [&](u64 i) {
    return i < target.prefix_count ? target.prefix[i] : kernel.arguments[i - target.prefix_count + kept];
  };
  const u64 arguments = target.prefix_count + kernel.argument_count - kept;

  Strings where;
  stack.reserve(sizeof(u64));  // a null word ends the strings
  where.execfn = stack.string(execfn);
  program.environment_end = stack.at();
  for (u64 i = kernel.environment_count; i-- > 0;) stack.string(kernel.environment[i]);
  program.environment_start = program.argument_end = stack.at();
  for (u64 i = arguments; i-- > 0;) stack.string(argument(i));
  program.argument_start = stack.at();

  u64 random[kRandomSize / sizeof(u64) + 1];
  random_bytes(random, sizeof random);
  if (!mm::layout().fixed) stack.reserve(random[2] % kRandomGap);
  stack.align();
  where.platform = stack.bytes(kPlatform, sizeof kPlatform);
  where.random = stack.bytes(random, kRandomSize);
  fill_auxiliary(kernel, target, loaded, where);

  // argc, argv, null, envp, null, auxv: argc is 16-aligned.
  u64 words = 1 + arguments + 1 + kernel.environment_count + 1;
  stack.align();
  stack.reserve(words * sizeof(u64) + auxiliary_vector.size);
  stack.align();
  if (stack.error() != 0) return stack.error();
  rsp = program.stack_top = stack.at();
  mm::settle_stack(rsp);

  Table table(rsp);
  table.put(arguments);
  u64 at = program.argument_start;
  for (u64 i = 0; i < arguments; i++) {
    table.put(at);
    at += strlen(argument(i)) + 1;
  }
  table.put(0);
  for (u64 i = 0; i < kernel.environment_count; i++) {
    table.put(at);
    at += strlen(kernel.environment[i]) + 1;
  }
  table.put(0);
  for (u64 i = 0; i < auxiliary_vector.size / sizeof(u64); i++) table.put(auxiliary_vector.words[i]);
  return table.flush();
}

}  // namespace barchan
