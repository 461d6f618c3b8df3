// Contract: sites.h.
//
// A page of code is out of every vCPU's reach while it is changed: its guest entry goes first, the host's change of
// protection has KVM forget the translation, and whoever fetches from it meanwhile faults and waits for Space::lock. So
// no processor sees half of a change, and each enters the guest anew (a serializing event) before it runs the new code.
#include "monitor/mm/sites.h"

#include <linux/mman.h>

#include "guest/gate.h"
#include "host/string.h"
#include "host/syscall.h"
#include "host/uaccess.h"
#include "monitor/mm/space.h"

namespace barchan::mm {
namespace {

constexpr u8 kSyscall[] = {0x0f, 0x05};
constexpr u8 kMovEax = 0xb8, kJump = 0xe9, kXorEax[] = {0x31, 0xc0};
constexpr u64 kMovSize = 5, kJumpSize = 5, kXorSize = sizeof kXorEax, kSyscallSize = sizeof kSyscall;
// How far a trampoline may be from its sites: the reach of a jump, with room for the code's own size.
constexpr u64 kReach = (2ull << 30) - (16ull << 20);

constexpr u64 kTrampolineSize = 32;
constexpr u32 kPerPage = kPageSize / kTrampolineSize, kPages = 32;

struct Trampolines {
  u64 va;  // 0: given up; its trampolines stay, for vCPUs that are in them
  u64 physical;
  u64 at[kPerPage];
  SiteCall calls[kPerPage];
  u32 used;
  bool lone;  // at a place that its one site has chosen
};
Trampolines pages[kPages];
u32 page_count;

// The first `size` bytes of code at `address`, which are changed.
struct Site {
  u64 address, trampoline;
  u8 original[kMovSize], jump[kMovSize];
  u32 size;
};
constexpr u32 kSites = 1024;
Site sites[kSites];
u32 site_count;

u64 distance(u64 a, u64 b) { return a > b ? a - b : b - a; }

bool is_free(u64 va) {
  for (u32 i = 0; i < page_count; i++)
    if (pages[i].va == va) return false;
  return va >= BARCHAN_ARENA_START && va < BARCHAN_ARENA_TOP && !space.vmas.overlaps(va, va + kPageSize);
}

// A free page near `site` where mmap does not go by itself: between the mmap area and the stack, else below the code.
u64 choose_page(u64 site) {
  for (u64 va = space.layout.mmap_base; va < space.layout.mmap_base + kPages * kPageSize; va += kPageSize) {
    if (distance(va, site) < kReach && is_free(va)) return va;
  }
  const Vma* code = space.vmas.find(site);
  for (u64 va = code ? page_down(code->start) : 0;
       va > BARCHAN_ARENA_START + kPageSize && distance(va, site) < kReach;) {
    va = space.vmas.gap_below(BARCHAN_ARENA_START, va, kPageSize, kPageSize);
    if (va == 0) return 0;
    if (is_free(va)) return va;
  }
  return 0;
}

Trampolines* new_page(u64 va, bool lone) {
  if (page_count == kPages || va == 0 || !is_free(va)) return nullptr;
  Trampolines& p = pages[page_count];
  u8* code = region_page(p.physical);
  if (!code) return nullptr;
  memset(code, 0xcc, kPageSize);
  tables_map_system(va, p.physical, true, false, true);
  p.used = 0;
  p.lone = lone;
  p.va = va;
  __atomic_store_n(&page_count, page_count + 1, __ATOMIC_RELEASE);
  return &p;
}

Trampolines* page_near(u64 site) {
  for (u32 i = 0; i < page_count; i++) {
    Trampolines& p = pages[i];
    if (p.va != 0 && !p.lone && p.used < kPerPage && distance(p.va, site) < kReach) return &p;
  }
  return new_page(choose_page(site), false);
}

// mov $nr,%eax or xor %eax,%eax; lea back(%rip),%rcx; movabs $ring,%r11; jmp *%r11
void add_trampoline(Trampolines& p, u64 at, const SiteCall& call) {
  u8* const start = region_host(p.physical) + (at - p.va);
  u8* to = start;
  auto put = [&to](const void* bytes, size_t size) {
    memcpy(to, bytes, size);
    to += size;
  };
  if (call.clears_flags) {
    put(kXorEax, kXorSize);
  } else {
    put(&kMovEax, 1);
    put(&call.nr, 4);
  }
  constexpr u64 kLeaSize = 7;
  const u32 distance = static_cast<u32>(call.back - (at + static_cast<u64>(to - start) + kLeaSize));
  const u64 ring = gate::user_ring_va();
  put("\x48\x8d\x0d", 3);
  put(&distance, 4);
  put("\x49\xbb", 2);
  put(&ring, 8);
  put("\x41\xff\xe3", 3);
  p.at[p.used] = at;
  p.calls[p.used] = call;
  __atomic_store_n(&p.used, p.used + 1, __ATOMIC_RELEASE);
}

// Replaces the first bytes of code, if they are `expected`. False: nothing has changed.
bool write_code(u64 at, const u8* expected, const u8* bytes, u32 size) {
  const u64 page = page_down(at);
  const Vma* v = space.vmas.find(page);
  if (!v) return false;
  const u8 prot = v->prot;
  tables_clear(page, page + kPageSize);
  bool done = host::call(__NR_mprotect, page, kPageSize, PROT_READ | PROT_WRITE) == 0;
  if (done) {
    u8 found[kMovSize];
    done = copy_from_guest(found, at, size) == 0 && memcmp(found, expected, size) == 0 &&
           copy_to_guest(at, bytes, size) == 0;
    host::call(__NR_mprotect, page, kPageSize, host_prot(prot));
  }
  tables_fill(page, page + kPageSize, prot);
  return done;
}

bool is_code_of_a_file(u64 start, u64 end) {
  const Vma* v = space.vmas.find(start);
  constexpr u16 kOthers = kVmaShared | kVmaShm | kVmaSpecial;
  return v && v->end >= end && v->flags & kVmaFile && !(v->flags & kOthers) && v->prot & PROT_EXEC &&
         !(v->prot & PROT_WRITE);
}

// The guest may have other code there by now, which stays.
void restore(const Site& s) { write_code(s.address, s.jump, s.original, s.size); }

template <typename F> void restore_if(F concerned) {
  for (u32 i = 0; i < site_count;) {
    if (!concerned(sites[i])) {
      i++;
      continue;
    }
    restore(sites[i]);
    sites[i] = sites[--site_count];
  }
}

}  // namespace

namespace {

// The jump takes the place of the MOV, and any place in its reach will do for the trampoline.
Trampolines* patch_mov(Site& s, u64 back, u32 nr) {
  s.size = kMovSize;
  s.address = back - kSyscallSize - kMovSize;
  s.original[0] = kMovEax;
  memcpy(s.original + 1, &nr, 4);
  Trampolines* p = page_near(s.address);
  if (!p) return nullptr;
  s.trampoline = p->va + p->used * kTrampolineSize;
  return p;
}

// XOR is two bytes, a jump five: its last three are the SYSCALL and the byte behind it, which stay what they are. So they
// say where the trampoline is, but for the last 256 bytes.
Trampolines* patch_xor(Site& s, u64 back) {
  s.size = kXorSize;
  s.address = back - kSyscallSize - kXorSize;
  memcpy(s.original, kXorEax, kXorSize);
  u8 behind;
  if (copy_from_guest(&behind, back, 1) != 0) return nullptr;
  const u32 lowest = kSyscall[0] << 8 | kSyscall[1] << 16 | static_cast<u32>(behind) << 24;
  u64 at = s.address + kJumpSize + static_cast<u64>(static_cast<i64>(static_cast<i32>(lowest)));
  if (page_down(at) != page_down(at + kTrampolineSize - 1)) at = page_down(at) + kPageSize;
  Trampolines* p = new_page(page_down(at), true);
  if (p) s.trampoline = at;
  return p;
}

}  // namespace

bool patch_site(u64 back, u32 nr) {
  constexpr u64 kLongest = kMovSize + kSyscallSize;
  if (!in_arena(back - kLongest, kLongest + 1)) return false;
  SpaceGuard guard;
  if (site_count == kSites || !is_code_of_a_file(back - kLongest, back + 1)) return false;
  u8 code[kLongest], mov[kMovSize] = {kMovEax};
  memcpy(mov + 1, &nr, 4);
  if (copy_from_guest(code, back - kLongest, kLongest) != 0) return false;
  if (memcmp(code + kMovSize, kSyscall, kSyscallSize) != 0) return false;
  const bool by_mov = memcmp(code, mov, kMovSize) == 0;
  if (!by_mov && (nr != 0 || memcmp(code + kMovSize - kXorSize, kXorEax, kXorSize) != 0)) return false;
  const u64 start = back - kSyscallSize - (by_mov ? kMovSize : kXorSize);
  if (page_down(start) != page_down(back - kSyscallSize - 1)) return false;
  Site& s = sites[site_count];
  s = {};
  Trampolines* p = by_mov ? patch_mov(s, back, nr) : patch_xor(s, back);
  if (!p) return false;
  const u32 distance = static_cast<u32>(s.trampoline - (s.address + kJumpSize));
  s.jump[0] = kJump;
  memcpy(s.jump + 1, &distance, sizeof distance);
  add_trampoline(*p, s.trampoline, {nr, back, !by_mov});
  if (!write_code(s.address, s.original, s.jump, s.size)) return false;
  site_count++;
  return true;
}

bool site_of(u64 rip, SiteCall& call) {
  for (u32 i = 0, n = __atomic_load_n(&page_count, __ATOMIC_ACQUIRE); i < n; i++) {
    const Trampolines& p = pages[i];
    if (p.va == 0 || rip - p.va >= kPageSize) continue;
    for (u32 k = 0, used = __atomic_load_n(&p.used, __ATOMIC_ACQUIRE); k < used; k++) {
      if (rip - p.at[k] >= kTrampolineSize) continue;
      call = p.calls[k];
      return true;
    }
  }
  return false;
}

void sites_restore(u64 start, u64 end) {
  if (site_count == 0) return;
  restore_if([&](const Site& s) { return s.address < end && s.address + kJumpSize > start; });
}

void sites_give_way(u64 start, u64 end) {
  for (u32 i = 0; i < page_count; i++) {
    Trampolines& p = pages[i];
    if (p.va == 0 || p.va >= end || p.va + kPageSize <= start) continue;
    restore_if([&](const Site& s) { return s.trampoline - p.va < kPageSize; });
    tables_clear(p.va, p.va + kPageSize);
    p.va = 0;
  }
}

bool sites_refill(u64 page) {
  for (u32 i = 0; i < page_count; i++) {
    if (pages[i].va != page) continue;
    tables_map_system(page, pages[i].physical, true, false, true);
    return true;
  }
  return false;
}

}  // namespace barchan::mm
