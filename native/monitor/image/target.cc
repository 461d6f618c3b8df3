#include "monitor/image/target.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host/string.h"
#include "host/syscall.h"
#include "monitor/image/open.h"

namespace barchan {
namespace {

void close(int& fd) {
  if (fd >= 0) host::call(__NR_close, fd);
  fd = -1;
}

// Bytes read, fewer than `size` only at the end of the file; or -errno.
i64 read_at(int fd, void* to, u64 size, u64 offset) {
  u64 done = 0;
  while (done < size) {
    i64 n = host::call(__NR_pread64, fd, static_cast<u8*>(to) + done, size - done, offset + done);
    if (n == -EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    done += static_cast<u64>(n);
  }
  return static_cast<i64>(done);
}

i64 file_size(int fd) {
  struct statx s;
  i64 r = host::call(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &s);
  return r < 0 ? r : static_cast<i64>(s.stx_size);
}

i64 fail(Target& target, i64 error, const char* why, const char* culprit) {
  target.why = why;
  target.culprit = culprit;
  return error;
}

// Reads and checks the headers of an open file. 0, -errno of the reading, or the verdict's -errno.
i64 read_elf(Target& target, ElfFile& file, const char* culprit) {
  i64 size = file_size(file.fd);
  if (size < 0) return fail(target, size, "cannot read the program", culprit);
  u64 length = static_cast<u64>(size);
  memset(&file.header, 0, sizeof file.header);
  i64 have = read_at(file.fd, &file.header, sizeof file.header, 0);
  if (have < 0) return fail(target, have, "cannot read the program", culprit);
  if (elf::Verdict v = elf::check_header(file.header, static_cast<u64>(have), length))
    return fail(target, -v.error, v.why, culprit);
  u64 bytes = u64{file.header.e_phnum} * sizeof(Elf64_Phdr);
  have = read_at(file.fd, file.table, bytes, file.header.e_phoff);
  if (have < 0) return fail(target, have, "cannot read the program headers", culprit);
  if (static_cast<u64>(have) != bytes)
    return fail(target, -ENOEXEC, "the program headers are truncated", culprit);
  if (elf::Verdict v = elf::check_segments(file.header, file.table, length, file.image))
    return fail(target, -v.error, v.why, culprit);
  return 0;
}

// The interpreter's name from the program; 0 or -errno.
i64 read_interpreter_name(Target& target, const char* culprit) {
  const elf::Image& image = target.program.image;
  i64 have =
      read_at(target.program.fd, target.interpreter_name, image.interpreter_size, image.interpreter_offset);
  if (have != image.interpreter_size)
    return fail(target, have < 0 ? have : -EIO, "cannot read the interpreter's name", culprit);
  if (elf::Verdict v = elf::check_interpreter(target.interpreter_name, image.interpreter_size))
    return fail(target, -v.error, v.why, culprit);
  return 0;
}

// Linux's answer to any file that cannot be an interpreter is ELIBBAD.
i64 read_interpreter(Target& target) {
  i64 r = read_elf(target, target.interpreter, target.interpreter_name);
  return r == -ENOEXEC ? -ELIBBAD : r;
}

// Linux takes an empty interpreter's name for the working directory, which is no file to execute.
i64 open_named(const char* name) { return name[0] == 0 ? -EACCES : open_program(AT_FDCWD, name, 0); }

const char* named_or(const char* name, const char* otherwise) { return name[0] == 0 ? otherwise : name; }

i64 open_interpreter(Target& target, const char* culprit) {
  if (i64 r = read_interpreter_name(target, culprit); r < 0) return r;
  i64 fd = open_named(target.interpreter_name);
  if (fd < 0)
    return fail(target, fd, "cannot open the program's ELF interpreter",
                named_or(target.interpreter_name, culprit));
  target.interpreter.fd = static_cast<int>(fd);
  return read_interpreter(target);
}

// Puts a script's interpreter and argument before what is there; the first script's name comes last.
void prepend(Target& target, const script::Line& line, const char* name) {
  if (target.prefix_count == 0) target.prefix[target.prefix_count++] = name;
  u32 added = line.argument != nullptr ? 2 : 1;
  memmove(target.prefix + added, target.prefix, target.prefix_count * sizeof target.prefix[0]);
  target.prefix[0] = line.interpreter;
  if (line.argument != nullptr) target.prefix[1] = line.argument;
  target.prefix_count += added;
}

}  // namespace

void target_init(Target& target) { target.program.fd = target.interpreter.fd = -1; }

void target_close(Target& target) {
  close(target.program.fd);
  close(target.interpreter.fd);
}

i64 target_resolve(Target& target, int dirfd, const char* path, int flags, const char* name,
                   bool inaccessible) {
  i64 fd = open_program(dirfd, path, flags);
  if (fd < 0) return fail(target, fd, "cannot open the program", path);
  target.program.fd = static_cast<int>(fd);
  const char* culprit = path;
  for (u32 depth = 0;; depth++) {
    char(&head)[script::kHeadSize] = target.lines[depth];
    memset(head, 0, sizeof head);
    i64 n = read_at(target.program.fd, head, sizeof head, 0);
    if (n < 0) return fail(target, n, "cannot read the program", culprit);
    script::Line line;
    script::Kind kind = script::parse(head, line);
    if (kind == script::Kind::kNotScript) break;
    if (kind == script::Kind::kBad)
      return fail(target, -ENOEXEC, "the script's first line names no interpreter", culprit);
    if (inaccessible) return fail(target, -ENOENT, "a script behind a close-on-exec descriptor", culprit);
    i64 next = open_named(line.interpreter);
    if (next < 0)
      return fail(target, next, "cannot open the script's interpreter", named_or(line.interpreter, culprit));
    close(target.program.fd);
    target.program.fd = static_cast<int>(next);
    if (depth == script::kMaxDepth)
      return fail(target, -ELOOP, "too many scripts interpret each other", culprit);
    prepend(target, line, name);
    culprit = line.interpreter;
  }
  if (i64 r = read_elf(target, target.program, culprit); r < 0) return r;
  return target.program.image.has_interpreter ? open_interpreter(target, culprit) : 0;
}

i64 target_adopt(Target& target, int program_fd, int interpreter_fd) {
  target.program.fd = program_fd;
  target.interpreter.fd = interpreter_fd;
  if (i64 r = read_elf(target, target.program, nullptr); r < 0) return r;
  if (!target.program.image.has_interpreter) {
    close(target.interpreter.fd);
    return 0;
  }
  if (i64 r = read_interpreter_name(target, nullptr); r < 0) return r;
  if (interpreter_fd < 0) return fail(target, -ENOEXEC, "the program changed during exec", nullptr);
  return read_interpreter(target);
}

}  // namespace barchan
