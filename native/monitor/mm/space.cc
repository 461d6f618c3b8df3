// Creation of the address space and its VM, the gate and IDT in it, fork, TLB flushes.
#include "monitor/mm/space.h"

#include <linux/mman.h>
#include <linux/resource.h>

#include "guest/call_code.h"
#include "host/string.h"
#include "host/syscall.h"
#include "kvm/features.h"
#include "monitor/fds.h"
#include "monitor/guest_limits.h"
#include "monitor/mm/write_execute.h"
#include "monitor/report.h"
#include "monitor/thread.h"

namespace barchan::mm {

Space space;

namespace {

constexpr u64 kSelfTestVa = BARCHAN_SYSTEM_VA + 0x2000;
// A slot number and a guest-physical place that nothing else uses (region.cc).
constexpr u32 kFlushSlot = 127;
constexpr u64 kFlushPhysical = (4ull << 30) - (32ull << 20);

// Where the layout's window may lie: out of the way of what language runtimes and sanitizers map at fixed places
// (shadow memory below 0x510000000000, heaps of Go and ZGC below 2^45, AddressSanitizer's heap from 0x600000000000
// on), with the mmap area's room below.
constexpr u64 kFirstWindow = 0x520000000000, kWindowsSpan = 0x0d0000000000;
static_assert(kFirstWindow + kWindowsSpan < BARCHAN_ARENA_TOP);

// Of the mappings and of the guard pages.
constexpr u64 kListsSize = page_up(2 * kMaxVmas * sizeof(Vma));

// 0 to span - 1.
u64 random_below(u64 span) {
  u64 value = 0;
  if (!space.layout.fixed) host::call(__NR_getrandom, &value, sizeof value, 0);
  return value % span;
}

// A part of a window (window.cc) holds, from the top: heap, program, stack, the room below it that the stack may grow into,
// and the start of the mmap area, which goes on downwards; so a common program needs one memslot. See docs/design.md.
void choose_layout() {
  Layout& l = space.layout;
  constexpr u64 kRandom = 16ull << 20, kLimit = 32ull << 20, kAlign = 64ull << 20;
  const u64 end = kFirstWindow + (random_below(kWindowsSpan) & ~(kWindowPart - 1)) + kWindowPart;
  const u64 middle = end - kLimit;  // between stack and program
  l.exe_base = middle + page_down(random_below(kRandom));
  l.stack_top = middle - page_down(random_below(kRandom));
  rlimit64 limit = {};
  host::call(__NR_prlimit64, 0, RLIMIT_STACK, nullptr, &limit);
  l.stack_size = page_down(min(max<u64>(limit.rlim_cur, 256 << 10), u64{64} << 20));
  const u64 gap = min(max<u64>(limit.rlim_cur, 128 << 20), u64{64} << 30);
  l.mmap_base = page_down(((l.stack_top - gap) & ~(kAlign - 1)) - random_below(kRandom));
}

void create_vm() {
  i64 result = kvm::vm_create(space.vm, private_fd(kFdKvm));
  if (result >= 0) result = space.vm.fd = static_cast<int>(fd_hide(space.vm.fd));
  if (result < 0) fail_kvm(-result, "KVM_CREATE_VM");
}

u8* system_page(u64 va, u64& physical, bool writable, bool executable) {
  u8* page = region_page(physical);
  if (!page) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "system page", nullptr, 125);
  tables_map_system(va, physical, false, writable, executable);
  return page;
}

u8* gate_page;

// guest/gate.S, barchan_gate_syscall.
void write_result() {
  if (!space.vm.results_by_in) return;
  constexpr u8 kIn[] = {0xe5, BARCHAN_PORT_SYSCALL, 0x48, 0x98};
  memcpy(gate_page + gate::offset_of(barchan_gate_behind) - gate::kOutSize, kIn, sizeof kIn);
}

void write_gate() {
  u64 physical;
  gate_page = system_page(BARCHAN_GATE_VA, physical, false, true);
  memset(gate_page, 0xcc, kPageSize);
  memcpy(gate_page, barchan_gate_start, static_cast<size_t>(barchan_gate_end - barchan_gate_start));
  write_result();
}

void write_user_code() {
  u64 physical;
  u8* page = region_page(physical);
  if (!page) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "user-code page", nullptr, 125);
  memset(page, 0xcc, kPageSize);
  memcpy(page, barchan_user_start, static_cast<size_t>(barchan_user_end - barchan_user_start));
  tables_map_system(BARCHAN_USER_CODE_VA, physical, true, false, true);
  // The pages of vCPUs that have none of their own: a ring that is always closed, and no answers.
  if (!region_page(physical)) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "ring page", nullptr, 125);
  tables_map_system(BARCHAN_RING_VA, physical, true, false, false);
  tables_map_system(BARCHAN_RING_SUPERVISOR_VA, physical, false, false, false);
  tables_map_system(BARCHAN_ANSWERS_VA, physical, true, false, false);
  tables_map_system(BARCHAN_ANSWERS_SUPERVISOR_VA, physical, false, false, false);
}

void write_idt() {
  u64 physical;
  auto* idt = reinterpret_cast<u64*>(system_page(BARCHAN_IDT_VA, physical, false, false));
  for (u32 vector = 0; vector < BARCHAN_EXCEPTION_VECTORS; vector++) {
    const u64 entry = gate::exception_va(vector);
    // Interrupt gate, IST 1; only #BP and #OF may be raised by INT3 and INTO (SDM vol. 3A, 6.14.1).
    const u64 dpl = vector == 3 || vector == 4 ? 3 : 0;
    idt[vector * 2] = (entry & 0xffff) | BARCHAN_KERNEL_CS << 16 | 1ull << 32 | (0x8e | dpl << 5) << 40 |
                      (entry >> 16 & 0xffff) << 48;
    idt[vector * 2 + 1] = entry >> 32;
  }
}

}  // namespace

const Layout& layout() { return space.layout; }

void tell_host_facts(HostFacts& facts) {
  kvm::copy_features(facts.features);
  facts.entry_mode = static_cast<u32>(space.vm.entry_mode);
  facts.ring_port = space.vm.ring_port;
  facts.results_by_in = space.vm.results_by_in;
}

namespace {

void adopt_entry_mode(const HostFacts& facts) {
  using Mode = kvm::EntryMode;
  if (facts.entry_mode != static_cast<u32>(Mode::kSupervisor) &&
      facts.entry_mode != static_cast<u32>(Mode::kUser))
    return;
  space.vm.entry_mode = static_cast<Mode>(facts.entry_mode);
  space.vm.ring_port = facts.ring_port != 0;
  space.vm.results_by_in = facts.results_by_in != 0;
}

}  // namespace

void create(bool fixed_layout, const HostFacts* facts) {
  const i64 storage = host::call(__NR_mmap, 0, kListsSize, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host::is_error(storage)) fail_start("ERR_MONITOR_MEMORY", -storage, "mapping list", nullptr, 125);
  space.vmas.reset(reinterpret_cast<Vma*>(storage));
  space.guards.reset(reinterpret_cast<Vma*>(storage) + kMaxVmas);
  if (facts) adopt_entry_mode(*facts);
  if (!facts || !kvm::adopt_features(facts->features)) {
    const i64 result = kvm::read_features(private_fd(kFdKvm));
    if (result < 0) fail_kvm(-result, "KVM_GET_SUPPORTED_CPUID");
  }
  space.layout.fixed = fixed_layout;
  start_refusing();
  constexpr int kCounted[] = {RLIMIT_AS, RLIMIT_DATA};
  for (const int resource : kCounted) {
    rlimit64 limit = {};
    if (host::call(__NR_prlimit64, 0, resource, nullptr, &limit) == 0 &&
        limit.rlim_cur != guest_limits::kNone)
      guest_limits::in_use = true;
  }
  choose_layout();
  create_vm();
  region_create();
  tables_create();
  write_gate();
  write_user_code();
  write_idt();
}

void learn_entry_mode(kvm::Vcpu& vcpu) {
  if (space.vm.entry_mode != kvm::EntryMode::kUnknown) return;
  u64 physical;
  u8* page = region_page(physical);
  if (!page) fail_start("ERR_MONITOR_MEMORY", ENOMEM, "self-test page", nullptr, 125);
  memcpy(page, barchan_gate_selftest, static_cast<size_t>(barchan_gate_selftest_end - barchan_gate_selftest));
  tables_map_system(kSelfTestVa, physical, true, false, true);
  u64 detail;
  const i64 result = kvm::learn_entry_mode(space.vm, vcpu, kSelfTestVa, detail);
  if (result < 0) fail_kvm(-result, "entry-mode self-test");
  write_result();
  // This vCPU may keep the translation, as nothing flushes it: the page is read-only, holds but this code and is not
  // used for anything else later.
  tables_unmap_system(kSelfTestVa);
}

kvm::Vm& vm() { return space.vm; }

u8* vcpu_page(u32 id, u64& va) {
  SpaceGuard guard;
  va = BARCHAN_VCPU_PAGES_VA + id * kPageSize;
  // After fork the pages of the parent's vCPUs are there already.
  if (const u64 entry = tables_entry(va)) {
    u8* old = region_host(entry & 0x000ffffffffff000);
    memset(old, 0, kPageSize);
    return old;
  }
  u64 physical;
  u8* page = region_page(physical);
  if (!page) return nullptr;
  tables_map_system(va, physical, false, true, false);
  return page;
}

bool vcpu_tables(u32 id, VcpuPages& pages) {
  SpaceGuard guard;
  return tables_for_vcpu(id, pages);
}

namespace {

// What a thread of another process changes is kept as it was before: should that process be killed in between, the next
// holder goes back to it. What the host has mapped or not by then is where the killed call was at work.
struct Undo {
  Vma* vmas;
  u32 count, guards;
  bool valid;
  u64 brk_start, brk;
};
Undo undo;

void keep_for_undo() {
  if (!undo.vmas) {
    const i64 storage = host::call(__NR_mmap, 0, kListsSize, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host::is_error(storage)) return;
    undo.vmas = reinterpret_cast<Vma*>(storage);
  }
  undo.count = space.vmas.copy_to(undo.vmas);
  undo.guards = space.guards.copy_to(undo.vmas + kMaxVmas);
  undo.brk_start = space.brk_start;
  undo.brk = space.brk;
  __atomic_store_n(&undo.valid, true, __ATOMIC_RELEASE);
}

void go_back() {
  if (!undo.valid) return;
  space.vmas.restore(undo.vmas, undo.count);
  space.guards.restore(undo.vmas + kMaxVmas, undo.guards);
  space.brk_start = undo.brk_start;
  space.brk = undo.brk;
  undo.valid = false;
}

}  // namespace

void lock_space() {
  const u32 token = thread_lock_token();
  if (space.lock.lock(token, thread_is_gone)) go_back();
  if (token != 0) keep_for_undo();
}

void unlock_space() {
  undo.valid = false;
  space.lock.unlock();
}

void abandon(u32 token) {
  if (!space.lock.held_by(token)) return;
  lock_space();
  unlock_space();
}

void lock_for_fork() { lock_space(); }
void unlock_after_fork_parent() { unlock_space(); }

void rebuild_after_fork_child() {
  space.lock.reset();
  undo.valid = false;
  i64 result = kvm::vm_create(space.vm, private_fd(kFdKvm));
  if (result >= 0) result = space.vm.fd = static_cast<int>(fd_hide(space.vm.fd));
  if (result < 0) monitor_crash("KVM_CREATE_VM after fork", static_cast<u64>(-result));
  region_attach_slots();
  windows_attach_slots();
  refuse_in_fork_child();
  space.lock_later = 0;  // locks are not inherited
  // The host did not copy MADV_DONTFORK mappings, and no pages of MADV_WIPEONFORK ones.
  for (u32 i = 0; i < space.vmas.count();) {
    const Vma v = space.vmas.at(i);
    if (v.flags & (kVmaDontFork | kVmaWipeOnFork)) space.guards.remove(v.start, v.end);
    if (!(v.flags & kVmaDontFork)) {
      i++;
      continue;
    }
    tables_clear(v.start, v.end);
    space.vmas.remove(v.start, v.end);
  }
}

void flush_tlb() {
  // Deleting a memslot makes KVM drop every translation of the VM and kick its vCPUs, on every kind of host.
  // Rare (only when a mapping loses PROT_EXEC and nothing else), so the cost does not matter.
  kvm::set_memslot(space.vm, kFlushSlot, kFlushPhysical, kPageSize, region_host(kPageSize));
  kvm::set_memslot(space.vm, kFlushSlot, kFlushPhysical, 0, nullptr);
}

}  // namespace barchan::mm
