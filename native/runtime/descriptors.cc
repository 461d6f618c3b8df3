#include "runtime/descriptors.h"

#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/kvm.h>
#include <linux/memfd.h>

#include "abi/start.h"
#include "host/syscall.h"
#include "runtime/fail.h"
#include "runtime/file.h"

// Newer than some kernel headers.
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace barchan::runtime {
namespace {

constexpr char kDevice[] = "/dev/kvm";
constexpr i64 kApiVersion = 12;
constexpr int kFirst = 3, kKvm = 3, kBlob = 4, kImage = 5, kExtra = 6;  // abi/start.h
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

i32 open_device() {
  const i64 fd = host::call(__NR_openat, AT_FDCWD, kDevice, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) fail_errno(fd, "cannot open ", kDevice, ", which containers under Barchan run on");
  if (host::call(__NR_ioctl, fd, KVM_GET_API_VERSION, 0) != kApiVersion)
    fail(kDevice, " is not KVM's device");
  return static_cast<i32>(fd);
}

void seal(i64 fd, const char* name) {
  if (const i64 r = host::call(__NR_fcntl, fd, F_ADD_SEALS, kSeals); r < 0)
    fail_errno(r, "cannot seal ", name);
}

// A memfd that holds `content` and can no longer change.
i32 sealed(const char* name, Slice content) {
  const i64 fd = host::call(__NR_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) fail_errno(fd, "cannot make a memory file");
  while (content.size != 0) {
    const i64 n = host::call(__NR_write, fd, content.data, content.size);
    if (n == -EINTR) continue;
    if (n <= 0) fail_errno(n, "cannot write ", name);
    content = content.from(static_cast<size_t>(n));
  }
  seal(fd, name);
  return static_cast<i32>(fd);
}

// The size of the part of the image that a start needs: up to the end of the last segment, without symbols.
u64 loaded_size(i64 file, const char* path) {
  alignas(Elf64_Ehdr) char head[4096];
  const i64 n = host::call(__NR_pread64, file, head, sizeof head, 0);
  if (n < 0) fail_errno(n, "cannot read ", path);
  Elf64_Ehdr header;
  memcpy(&header, head, sizeof header);
  const bool elf = n >= static_cast<i64>(sizeof header) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
                   header.e_phentsize == sizeof(Elf64_Phdr) && header.e_phoff < static_cast<u64>(n) &&
                   header.e_phnum <= (static_cast<u64>(n) - header.e_phoff) / sizeof(Elf64_Phdr);
  if (!elf) fail(path, " is not the monitor");
  u64 end = header.e_phoff + u64{header.e_phnum} * sizeof(Elf64_Phdr);
  for (u32 i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr p;
    memcpy(&p, head + header.e_phoff + i * sizeof p, sizeof p);
    if (p.p_type == PT_LOAD) end = max<u64>(end, p.p_offset + p.p_filesz);
  }
  if (end > kFileMax) fail(path, " is not the monitor");
  return end;
}

// In the kernel: the copy is made for each container, and each exec.
void copy_file(i64 to, i64 from, u64 size, const char* path) {
  for (u64 done = 0; done < size;) {
    const i64 n = host::call(__NR_sendfile, to, from, nullptr, size - done);
    if (n == -EINTR) continue;
    if (n < 0) fail_errno(n, "cannot copy ", path);
    if (n == 0) fail(path, " is not the monitor");
    done += static_cast<u64>(n);
  }
}

i32 open_image(const char* path) {
  const i64 file = host::call(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) fail_errno(file, "cannot open ", path);
  // MFD_EXEC is unknown before Linux 6.3, and wanted from then on.
  constexpr u32 kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  i64 fd = host::call(__NR_memfd_create, "barchan-monitor", kFlags | MFD_EXEC);
  if (fd == -EINVAL) fd = host::call(__NR_memfd_create, "barchan-monitor", kFlags);
  if (fd < 0) fail_errno(fd, "cannot make an executable memory file (vm.memfd_noexec)");
  copy_file(fd, file, loaded_size(file, path), path);
  host::call(__NR_close, file);
  seal(fd, "barchan-monitor");
  // A file that is open for writing cannot be executed (ETXTBSY).
  Output link(memory());
  link.add("/proc/self/fd/").dec(fd);
  const i64 reader = host::call(__NR_openat, AT_FDCWD, link.string(), O_RDONLY | O_CLOEXEC, 0);
  if (reader < 0) fail_errno(reader, "cannot open ", link.string());
  host::call(__NR_close, fd);
  return static_cast<i32>(reader);
}

u32 limit_word(u64 limit) { return static_cast<u32>(min<u64>(limit, 0x7fffffff)); }

i32 make_blob(const Process& process, const Material& material, u32 inherited) {
  abi::StartBlob blob = {};
  blob.magic = abi::kStartMagic;
  blob.version = abi::kStartVersion;
  blob.flags = abi::kStartEntrypoint | abi::kStartSearchPath;
  blob.extra_fds = inherited;
  blob.trace_fd = blob.report_fd = -1;
  if (process.open_files.given) {
    blob.flags |= abi::kStartFileLimit;
    blob.file_soft = limit_word(process.open_files.soft);
    blob.file_hard = limit_word(process.open_files.hard);
  }
  if (!material.policy.is_empty()) blob.policy_fd = kExtra + inherited;
  blob.filter = material.filter.is_empty() ? 0 : sizeof blob;
  blob.filter_length = static_cast<u32>(material.filter.size / 8);
  blob.program = static_cast<u32>(sizeof blob + material.filter.size);
  blob.size = static_cast<u32>(blob.program + process.program.size + 1);
  if (blob.size > 64 << 10) fail("the start's description is too long");
  const Slice head(reinterpret_cast<const char*>(&blob), sizeof blob);
  const char* bytes = memory().join(head, material.filter, process.program);
  return sealed("barchan-start", {bytes, blob.size});
}

void move(i64 from, i64 to) {
  if (const i64 r = host::call(__NR_dup3, from, to, 0); r < 0) fail_errno(r, "cannot place a descriptor");
}

}  // namespace

Descriptors open_descriptors(const Process& process, const Material& material, const char* monitor,
                             u32 inherited) {
  for (u32 i = 0; i < inherited; i++) {
    if (host::call(__NR_fcntl, kFirst + i, F_GETFD) >= 0) continue;
    Output number(memory());
    number.dec(kFirst + i);
    fail("--preserve-fds: descriptor ", number.string(), " is not open");
  }
  Descriptors d = {open_device(), make_blob(process, material, inherited), open_image(monitor), -1};
  if (!material.policy.is_empty()) d.policy = sealed("barchan-policy", material.policy);
  return d;
}

u32 descriptor_count(const Descriptors& d, u32 inherited) {
  return kExtra - kFirst + inherited + (d.policy >= 0 ? 1 : 0);
}

void place_descriptors(const Descriptors& d, u32 inherited) {
  // Out of the way first: the new numbers may be among the old ones.
  i32 aside[] = {d.kvm, d.blob, d.image, d.policy};
  for (i32& fd : aside) {
    if (fd < 0) continue;
    const i64 moved = host::call(__NR_fcntl, fd, F_DUPFD_CLOEXEC, kExtra + inherited + 1);
    if (moved < 0) fail_errno(moved, "cannot place a descriptor");
    fd = static_cast<i32>(moved);
  }
  for (u32 i = inherited; i-- > 0;) move(kFirst + i, kExtra + i);
  move(aside[0], kKvm);
  move(aside[1], kBlob);
  move(aside[2], kImage);
  if (aside[3] >= 0) move(aside[3], kExtra + inherited);
}

}  // namespace barchan::runtime
