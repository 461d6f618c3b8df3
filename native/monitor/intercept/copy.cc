// The question: what the arguments point to, copied once. From here on the copies are the arguments, so that no other
// thread of the guest changes what Node has seen.
#include <linux/uio.h>

#include "host/string.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/intercept/memory.h"
#include "monitor/syscalls/exec_vector.h"
#include "monitor/syscalls/iovec.h"

namespace barchan::intercept {

using table::Arg;
using table::Kind;
using table::Row;

namespace {

constexpr u64 kStructureMost = 4096;

// The most that one call copies: strings (renameat2 and the like have two), a buffer, a structure, each with its padding.
static_assert(sizeof(abi::InterceptRequest) + 4 * (abi::kInterceptStringMost + 8) + abi::kInterceptDataMost +
                  8 + kStructureMost + 8 <
              abi::kInterceptMessageMost);

// In the width of the argument that counts, as check.cc reads it.
u64 length_of(const Row& row, const Call& call, unsigned index) {
  const Arg& arg = row.args[index];
  const u64 value = call.arg[arg.link];
  switch (row.args[arg.link].kind) {
    case Kind::kInt: return static_cast<i32>(value) < 0 ? 0 : static_cast<u32>(value);
    case Kind::kUint: return static_cast<u32>(value);
    default: return value;
  }
}

bool is_data(u64 nr, unsigned index) {
  switch (nr) {
    case __NR_write:
    case __NR_pwrite64:
    case __NR_sendto: return index == 1;
    default: return false;
  }
}

bool is_structure(u64 nr, unsigned index) {
  switch (nr) {
    case __NR_connect:
    case __NR_bind: return index == 1;
    case __NR_sendto: return index == 4;
    case __NR_openat2: return index == 2;
    default: return false;
  }
}

// Not vmsplice, which hands the pages themselves on.
bool is_vector(u64 nr) { return nr == __NR_writev || nr == __NR_pwritev || nr == __NR_pwritev2; }

// Copies what `vector` covers to `to`, at most `room` bytes. The count or -EFAULT.
i64 gather(u8* to, IoVector& vector, u64 room) {
  u64 done = 0;
  for (u64 i = 0; i < vector.count() && done < room; i++) {
    const iovec& item = vector.items()[i];
    const u64 size = min(static_cast<u64>(item.iov_len), room - done);
    if (copy_from_guest(to + done, reinterpret_cast<u64>(item.iov_base), size) != 0) return -EFAULT;
    done += size;
  }
  return static_cast<i64>(done);
}

}  // namespace

// How many bytes the call would move out of memory; GUEST values that may be others when they are copied.
u64 Stopped::data_size() const {
  const u64 nr = call_.nr;
  IoVector vector;
  if (nr == __NR_write || nr == __NR_pwrite64 || nr == __NR_sendto) return length_of(row_, call_, 1);
  if (is_vector(nr)) return vector.read(call_.arg[1], call_.arg[2]) == 0 ? vector.bytes() : 0;
  MessageHeader header;
  if (nr != __NR_sendmsg || read_guest(header, call_.arg[1]) != 0) return 0;
  return vector.read(header.vector, header.vector_count) == 0 ? vector.bytes() : 0;
}

u8* Stopped::next() { return memory_->request_bytes + memory_->request.size; }

// What lies at next().
void Stopped::put_part(unsigned argument, u16 kind, u64 size, u64 whole) {
  abi::InterceptRequest& r = memory_->request;
  r.part[r.parts++] = {static_cast<u16>(argument), kind, r.size, static_cast<u32>(size),
                       static_cast<u32>(min(whole, u64{~u32{0}}))};
  r.size = static_cast<u32>((r.size + size + 8) & ~u64{7});  // room for a NUL
  stands_in_ = true;
}

// Bytes of a copy; Node sees as many as fit.
void Stopped::put_data(unsigned argument, const u8* from, u64 size, u64 whole) {
  const u64 shown = min(size, u64{abi::kInterceptDataMost});
  if (from != next()) memcpy(next(), from, shown);
  put_part(argument, abi::kInterceptBytes, shown, whole);
}

i64 Stopped::copy_string(unsigned index) {
  char* to = reinterpret_cast<char*>(next());
  const i64 length = string_from_guest(to, call_.arg[index], abi::kInterceptStringMost);
  if (length < 0) return length;
  call_.arg[index] = host::word(to);
  put_part(index, abi::kInterceptString, static_cast<u64>(length), static_cast<u64>(length));
  return 0;
}

i64 Stopped::copy_bytes(unsigned index, bool data) {
  const u64 whole = length_of(row_, call_, index);
  // Lengths that are refused without a look at the memory.
  if (whole == 0 || (!data && whole > kStructureMost)) return 0;
  const u64 size = data ? min(whole, bulk_size_) : whole;
  u8* to = data ? bulk() : next();
  if (copy_from_guest(to, call_.arg[index], size) != 0) return -EFAULT;
  call_.arg[index] = host::word(to);
  if (size != whole) call_.arg[row_.args[index].link] = size;
  put_data(index, to, size, whole);
  return 0;
}

// Leaves one entry, with all bytes, in memory_->vector.
i64 Stopped::copy_vector(unsigned argument, u64 address, u64 count) {
  IoVector vector;
  if (const i64 error = vector.read(address, count); error != 0) return error;
  const i64 size = gather(bulk(), vector, bulk_size_);
  if (size < 0) return size;
  memory_->vector = {bulk(), static_cast<u64>(size)};
  put_data(argument, bulk(), static_cast<u64>(size), vector.bytes());
  return 0;
}

// Control data stays where it is: Node does not see it, and the handler copies it.
i64 Stopped::copy_message(unsigned index) {
  MessageHeader& header = memory_->header;
  if (read_guest(header, call_.arg[index]) != 0) return -EFAULT;
  if (header.name != 0 && header.name_length > 0) {
    const u64 size = min(static_cast<u64>(header.name_length), kAddressCapacity);
    u8* to = next();
    if (copy_from_guest(to, header.name, size) != 0) return -EFAULT;
    header.name = host::word(to);
    header.name_length = static_cast<i32>(size);
    put_part(abi::kInterceptAddress, abi::kInterceptBytes, size, size);
  }
  if (header.vector_count > UIO_MAXIOV) return -EMSGSIZE;
  if (const i64 error = copy_vector(index, header.vector, header.vector_count); error != 0) return error;
  header.vector = host::word(&memory_->vector);
  header.vector_count = 1;
  call_.arg[index] = host::word(&header);
  return 0;
}

i64 Stopped::copy_strings(unsigned index) {
  const i64 count = copy_exec_vector(memory_->pointers, kExecPointers, call_.arg[index]);
  if (count < 0) return count;
  u64 used = 0;
  for (i64 i = 0; i < count; i++) {
    char* to = memory_->strings + used;
    const i64 length = string_from_guest(to, memory_->pointers[i], kExecBytes - used);
    if (length < 0) return length == -ENAMETOOLONG ? -E2BIG : length;
    memory_->pointers[i] = host::word(to);
    used += static_cast<u64>(length) + 1;
  }
  call_.arg[index] = host::word(memory_->pointers);
  const u64 shown = min(used, u64{abi::kInterceptDataMost});
  memcpy(next(), memory_->strings, shown);
  put_part(index, abi::kInterceptStrings, shown, used);
  return 0;
}

i64 Stopped::copy_argument(unsigned index) {
  const u64 nr = call_.nr;
  const Arg& arg = row_.args[index];
  if (call_.arg[index] == 0 && (arg.optional || arg.kind == Kind::kStrv)) return 0;
  switch (arg.kind) {
    case Kind::kPath:
    case Kind::kStr: return copy_string(index);
    case Kind::kStrv: return row_.args[index - 1].kind == Kind::kPath ? copy_strings(index) : 0;  // not envp
    case Kind::kInBuf:
      return is_data(nr, index) || is_structure(nr, index) ? copy_bytes(index, is_data(nr, index)) : 0;
    case Kind::kIn: return nr == __NR_sendmsg ? copy_message(index) : 0;
    case Kind::kInIovec: {
      if (!is_vector(nr)) return 0;
      const i64 error = copy_vector(index, call_.arg[index], length_of(row_, call_, index));
      if (error != 0) return error;
      call_.arg[index] = host::word(&memory_->vector);
      call_.arg[arg.link] = 1;
      return 0;
    }
    default: return 0;
  }
}

// Where an answer's bytes go: the first argument that the call writes to.
i64 Stopped::find_output() {
  abi::InterceptRequest& r = memory_->request;
  r.output = 0xff;
  for (unsigned i = 0; i < row_.count; i++) {
    const Arg& arg = row_.args[i];
    if (arg.kind != Kind::kOut && arg.kind != Kind::kOutBuf && arg.kind != Kind::kOutIovec) continue;
    if (call_.arg[i] == 0) continue;
    u64 room = arg.size;
    if (arg.kind == Kind::kOutBuf) room = length_of(row_, call_, i);
    if (arg.kind == Kind::kOutIovec) {
      IoVector vector;
      if (const i64 error = vector.read(call_.arg[i], length_of(row_, call_, i)); error != 0) return error;
      room = vector.bytes();
    }
    r.output = static_cast<u8>(i);
    r.room = static_cast<u32>(min(room, u64{abi::kInterceptDataMost}));
    return 0;
  }
  return 0;
}

i64 Stopped::copy_arguments() {
  abi::InterceptRequest& r = memory_->request;
  r.magic = abi::kInterceptMagic;
  r.version = abi::kInterceptVersion;
  r.size = sizeof r;
  r.number = static_cast<u32>(call_.nr);
  r.original = original_;
  r.count = row_.count;
  for (unsigned i = 0; i < 6; i++) r.argument[i] = i < row_.count ? call_.arg[i] : 0;
  for (unsigned i = 0; i < row_.count; i++) r.kind[i] = static_cast<u8>(row_.args[i].kind);
  if (const i64 error = find_output(); error != 0) return error;
  for (unsigned i = 0; i < row_.count; i++) {
    if (const i64 error = copy_argument(i); error != 0) return error;
  }
  return 0;
}

}  // namespace barchan::intercept
