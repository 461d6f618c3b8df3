// The system region: page tables, gate, IDT and vCPU pages, in chunks of private memory that fork copies.
#include <linux/mman.h>

#include "host/syscall.h"
#include "monitor/mm/space.h"
#include "monitor/report.h"

namespace barchan::mm {
namespace {

constexpr u64 kChunkShift = 25;  // 32 MiB
constexpr u64 kChunkSize = 1ull << kChunkShift;
// 4 GiB less one chunk: guest-physical [4 GiB - 32 MiB, 4 GiB) is where flush_tlb() puts its slot.
constexpr u32 kChunks = 127;

u8* chunks[kChunks];
u32 chunk_count;
u64 next_page;  // guest-physical address of the next free page

bool add_chunk() {
  if (chunk_count == kChunks) return false;
  const i64 memory = host::call(__NR_mmap, 0, kChunkSize, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host::is_error(memory)) return false;
  // Page-table pages are touched one by one: a huge page would cost 2 MiB of zeroing for 4 KiB.
  host::call(__NR_madvise, memory, kChunkSize, MADV_NOHUGEPAGE);
  chunks[chunk_count] = reinterpret_cast<u8*>(memory);
  if (kvm::set_memslot(space.vm, chunk_count, chunk_count * kChunkSize, kChunkSize, chunks[chunk_count]) <
      0) {
    host::call(__NR_munmap, memory, kChunkSize);
    return false;
  }
  chunk_count++;
  return true;
}

}  // namespace

void region_create() {
  chunk_count = 0;
  next_page = kPageSize;  // physical page 0 stays unused, so that 0 means "none"
  if (!add_chunk()) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "system region", nullptr, 125);
}

void region_attach_slots() {
  for (u32 i = 0; i < chunk_count; i++) {
    const i64 r = kvm::set_memslot(space.vm, i, i * kChunkSize, kChunkSize, chunks[i]);
    if (r < 0) monitor_crash("system memslot", i, static_cast<u64>(-r));
  }
}

u8* region_page(u64& physical) {
  if (next_page >= chunk_count * kChunkSize && !add_chunk()) return nullptr;
  physical = next_page;
  next_page += kPageSize;
  return region_host(physical);
}

u8* region_host(u64 physical) { return chunks[physical >> kChunkShift] + (physical & (kChunkSize - 1)); }

}  // namespace barchan::mm
