// Contract: debug.h. Code is changed as sites.cc does it: out of every vCPU's reach.
#include <linux/mman.h>

#include "host/string.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/mm/debug.h"
#include "monitor/mm/space.h"
#include "monitor/mm/traps.h"

namespace barchan::mm {
namespace {

constexpr u8 kInt3 = 0xcc;
constexpr u32 kBreakpointsMost = 1024;

struct Breakpoint {
  u64 address;
  u8 original;
  bool in_place;
};
Breakpoint breakpoints[kBreakpointsMost];
u32 count;
u32 suspended;

Breakpoint* find(u64 address) {
  for (u32 i = 0; i < count; i++)
    if (breakpoints[i].address == address) return &breakpoints[i];
  return nullptr;
}

// Pre: [at, at + size) lies in one page. `privately`: not where others would see it.
i64 put(u64 at, const u8* bytes, u64 size, bool privately) {
  const u64 page = page_down(at);
  const Vma* v = space.vmas.find(page);
  if (!v) return -EFAULT;
  const bool shared = v->flags & kVmaShared;
  if (shared && (privately || !(v->prot & PROT_WRITE))) return -EACCES;
  if (v->prot & PROT_WRITE) return copy_to_guest(at, bytes, size);
  const u8 prot = v->prot;
  tables_clear(page, page + kPageSize);
  i64 result = host::call(__NR_mprotect, page, kPageSize, PROT_READ | PROT_WRITE);
  if (result == 0) {
    result = copy_to_guest(at, bytes, size);
    host::call(__NR_mprotect, page, kPageSize, host_prot(prot));
  }
  fill_unguarded(page, page + kPageSize, prot);
  return result;
}

i64 insert(Breakpoint& b) {
  // Of a page that cannot be read the guest's code is not executed either.
  const i64 error = copy_from_guest(&b.original, b.address, 1);
  if (error == 0 && b.original == kInt3) return b.in_place = false, 0;  // the program's own
  const i64 result = error != 0 ? error : put(b.address, &kInt3, 1, true);
  b.in_place = result == 0;
  return result;
}

void lift(Breakpoint& b) {
  u8 found;
  if (b.in_place && copy_from_guest(&found, b.address, 1) == 0 && found == kInt3)
    put(b.address, &b.original, 1, true);
  b.in_place = false;
}

}  // namespace

i64 breakpoint_set(u64 address) {
  SpaceGuard guard;
  if (find(address)) return -EEXIST;
  if (count == kBreakpointsMost) return -ENOSPC;
  if (!in_arena(address, 1)) return -EFAULT;
  Breakpoint b = {address, 0, false};
  if (suspended == 0) {
    if (const i64 error = insert(b); error != 0) return error;
  }
  breakpoints[count++] = b;
  return 0;
}

i64 breakpoint_clear(u64 address) {
  SpaceGuard guard;
  Breakpoint* b = find(address);
  if (!b) return -ENOENT;
  lift(*b);
  *b = breakpoints[--count];
  return 0;
}

bool breakpoint_at(u64 address) {
  SpaceGuard guard;
  return find(address) != nullptr;
}

void breakpoints_hide(u64 address, u8* bytes, u64 size) {
  SpaceGuard guard;
  for (u32 i = 0; i < count; i++) {
    const Breakpoint& b = breakpoints[i];
    const u64 at = b.address - address;
    if (b.in_place && at < size && bytes[at] == kInt3) bytes[at] = b.original;
  }
}

void breakpoints_leave(u64 start, u64 end) {
  for (u32 i = 0; i < count; i++) {
    Breakpoint& b = breakpoints[i];
    if (b.address >= start && b.address < end) lift(b);
  }
}

i64 debug_write(u64 address, const u8* bytes, u64 size) {
  if (!in_arena(address, size)) return -EFAULT;
  SpaceGuard guard;
  while (size != 0) {
    const u64 part = min(size, kPageSize - address % kPageSize);
    // What is written under a breakpoint is the program's, and the breakpoint stays.
    breakpoints_leave(address, address + part);
    const i64 error = put(address, bytes, part, false);
    for (u32 i = 0; suspended == 0 && i < count; i++) {
      if (breakpoints[i].address >= address && breakpoints[i].address < address + part)
        insert(breakpoints[i]);
    }
    if (error != 0) return error;
    address += part, bytes += part, size -= part;
  }
  return 0;
}

void debug_suspend() {
  SpaceGuard guard;
  if (suspended++ != 0) return;
  for (u32 i = 0; i < count; i++) lift(breakpoints[i]);
  traps_suspend(true);
}

void debug_continue() {
  SpaceGuard guard;
  if (--suspended != 0) return;
  for (u32 i = 0; i < count; i++) insert(breakpoints[i]);
  traps_suspend(false);
}

void debug_forget() {
  SpaceGuard guard;
  for (u32 i = 0; i < count; i++) lift(breakpoints[i]);
  count = 0;
  suspended = 0;
  traps_forget();
}

u32 debug_mappings(u64 address, abi::DebugMapping* to, u32 most) {
  SpaceGuard guard;
  u32 n = 0;
  for (u32 i = space.vmas.first_after(address); n < most && i < space.vmas.count(); i++) {
    const Vma& v = space.vmas.at(i);
    const u32 flags = (v.flags & kVmaShared ? 1u : 0u) | (v.flags & kVmaFile ? 2u : 0u);
    to[n++] = {v.start, v.end, v.prot, flags};
  }
  return n;
}

}  // namespace barchan::mm
