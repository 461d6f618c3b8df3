// Arguments: good ones, nearly good ones, and the ones that break careless code.
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"

enum { kDataPages = 16 };
static uint8_t* data;       // kDataPages, then a page without access
static uint8_t* read_only;  // one page
static uint8_t* flicker;    // a page that comes and goes
static uint8_t* gone;       // an address where nothing is

// The monitor, the gate and the kernel lie behind these.
const uint64_t far_addresses[] = {
    ARENA_END,        ARENA_END + 8, ARENA_END + kPage, BARCHAN_SYSTEM_VA,        BARCHAN_VCPU_PAGES_VA,
    USER_END - kPage, USER_END - 8,  USER_END - 1,      UINT64_C(0x700000000000),
};
const int far_address_count = sizeof far_addresses / sizeof *far_addresses;
static const uint64_t beyond[] = {
    USER_END,
    UINT64_C(0x8000000000000000),
    UINT64_C(0xffff800000000000),
    UINT64_C(0xffffffff81000000),
    UINT64_C(0xffffffffff600000),
    ~UINT64_C(0),
    ~UINT64_C(7),
    UINT64_C(0x0000900000000000),
};

// At the same place in every run, natively as well: what `compare` prints must not depend on it.
static uint8_t* at_fixed(uint64_t address, size_t size, int prot) {
  return mmap((void*)address, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

void memory_setup(void) {
  const uint64_t base = UINT64_C(0x1f0000000000);
  data = at_fixed(base, (kDataPages + 1) * kPage, PROT_READ | PROT_WRITE);
  mprotect(data + kDataPages * kPage, kPage, PROT_NONE);
  read_only = at_fixed(base + 0x100000, kPage, PROT_READ);
  flicker = at_fixed(base + 0x200000, kPage, PROT_READ | PROT_WRITE);
  gone = (uint8_t*)base + 0x300000;
}

uint64_t* memory_word(void) { return (uint64_t*)data + 5; }

// Most calls have at most one bad argument, else few would come further than the first check.
static _Thread_local bool tame;

static uint8_t* in_data(struct random* r) { return data + (below(r, kDataPages * kPage - 512) & ~7u); }

uint64_t any_pointer(struct random* r) {
  if (tame && !one_in(r, 30)) return (uint64_t)in_data(r);
  switch (below(r, 24)) {
    case 0: return 0;
    case 1: return (uint64_t)read_only + below(r, kPage);
    case 2: return (uint64_t)gone + below(r, kPage);
    case 3: return (uint64_t)flicker + below(r, kPage);
    case 4:
      return (uint64_t)data + kDataPages * kPage - 4 * below(r, 16);  // runs into the page without access
    case 5: return ARENA_END - 1 - below(r, 64);                      // runs out of the arena
    case 6: return BARCHAN_ARENA_TOP - 1 - below(r, 64);              // runs into its guard
    case 7: return far_addresses[below(r, (uint32_t)far_address_count)];
    case 8: return beyond[below(r, sizeof beyond / sizeof *beyond)];
    case 9: return below(r, 70000);
    case 10: return (uint64_t)in_data(r) + 4;
    default: return (uint64_t)in_data(r);
  }
}

int any_fd(struct random* r) {
  static const int odd[] = {-1,   AT_FDCWD, 0x7fffffff, INT32_MIN, 255, 256,
                            1023, 1024,     65535,      1 << 20,   -2,  -10000};
  if (tame && !one_in(r, 20)) return (int)(3 + below(r, 38));
  switch (below(r, 8)) {
    case 0: return odd[below(r, sizeof odd / sizeof *odd)];
    case 1: return (int)(shared->fd_base + below(r, 16));  // the monitor's
    case 2: return (int)(kFdLimit + below(r, 20000));
    default: return (int)(3 + below(r, 40));
  }
}

// An address of the monitor's range comes from far_addresses only: leaks.c takes any other for a leak.
static uint64_t not_far(uint64_t word) { return word >= ARENA_END && word < USER_END ? word >> 1 : word; }

uint64_t any_word(struct random* r) {
  switch (below(r, 10)) {
    case 0: return any_pointer(r);
    case 1: return (uint64_t)any_fd(r);
    case 2: return 0;
    case 3: return UINT64_C(1) << below(r, 64);
    case 4: return ~UINT64_C(0) >> below(r, 64);
    case 5: return not_far(random_u64(r));
    case 6: return (uint64_t)below(r, 4096) << 32 | below(r, 4096);
    default: return below(r, 64);
  }
}

static uint64_t any_size(struct random* r) {
  static const uint64_t sizes[] = {0,
                                   1,
                                   4,
                                   8,
                                   16,
                                   24,
                                   32,
                                   56,
                                   64,
                                   88,
                                   104,
                                   128,
                                   kPage - 1,
                                   kPage,
                                   kPage + 1,
                                   3 * kPage,
                                   UINT64_C(1) << 31,
                                   (UINT64_C(1) << 31) - 1,
                                   UINT64_C(1) << 32,
                                   UINT64_C(1) << 46,
                                   ARENA_END,
                                   UINT64_C(1) << 47,
                                   UINT64_C(1) << 62,
                                   UINT64_C(1) << 63,
                                   ~UINT64_C(0),
                                   0x7ffff000};
  return tame || one_in(r, 2) ? below(r, 300) : sizes[below(r, sizeof sizes / sizeof *sizes)];
}

static uint64_t any_flags(struct random* r) {
  if (tame && one_in(r, 2)) return below(r, 4);
  switch (below(r, 8)) {
    case 0: return random_u64(r) & 0xffffffff;
    case 1: return ~UINT64_C(0);
    case 2: return UINT64_C(1) << below(r, 40);
    case 3: return UINT64_C(1) << below(r, 20) | UINT64_C(1) << below(r, 20);
    case 4: return 1024 + below(r, 64);  // F_LINUX_SPECIFIC_BASE
    default: return below(r, 80);
  }
}

static void fill(struct random* r, uint64_t* words, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) words[i] = any_word(r);
}

static const char kPrivate[] = "";  // becomes the link of a descriptor of the monitor

static const char* const paths[] = {
    "file",
    "directory",
    "link",
    "fifo",
    "socket",
    "none",
    ".",
    "..",
    "",
    "/",
    "/dev/null",
    "/dev/kvm",
    "/dev/tty",
    "/proc/self/fd/3",
    kPrivate,
    kPrivate,
    "/proc/self/exe",
    "/proc/self/mem",
    "/proc/self/maps",
    "/proc/self/fd",

    "/proc/self/root/proc/self/exe",
    "/proc/self/task",
    "/proc/self/environ",
    "/proc/self/cwd/file",
    "/proc/self/ns/mnt",
    "/proc/1/mem",
    "directory/../file",
    "file/",
    "long-name-long-name-long-name-long-name-long-name-long-name",
    "/proc/self/map_files",
    "/proc/self/pagemap",
    "/proc/self/stat",
    "/proc/self/smaps",
    "/proc/self/auxv",
    "/proc/self/clear_refs",
    "/proc/self/oom_score_adj",
    "/proc/self/timerslack_ns",
    "/proc/self/attr/current",
    "user.name",
    "ext4",
    "/queue",
};

static uint64_t any_path(struct random* r) {
  if (one_in(r, tame ? 100 : 6)) return any_pointer(r);
  char* at = (char*)in_data(r);
  if (one_in(r, 40)) {  // no end, or a very late one
    at = (char*)data + below(r, 3) * kPage;
    memset(at, 'x', kDataPages * kPage - (size_t)((uint8_t*)at - data));
    return (uint64_t)at;
  }
  const char* path = paths[below(r, sizeof paths / sizeof *paths)];
  if (path != kPrivate) return (uint64_t)strcpy(at, path);
  const char* folders[] = {"/proc/self/fd", "/proc/thread-self/fd", "/proc/self/fdinfo"};
  sprintf(at, "%s/%u", folders[below(r, 3)], shared->fd_base + below(r, 12));
  return (uint64_t)at;
}

static uint64_t any_iovec(struct random* r) {
  uint64_t* item = (uint64_t*)in_data(r);
  for (uint32_t i = 0; i < 8; i++) {
    item[2 * i] = any_pointer(r);
    item[2 * i + 1] = any_size(r);
  }
  return (uint64_t)item;
}

// struct msghdr, with descriptors in its control data.
static uint64_t any_message(struct random* r) {
  uint64_t* m = (uint64_t*)in_data(r);
  uint64_t* control = (uint64_t*)in_data(r);
  int32_t* words = (int32_t*)control;
  const uint64_t vector = one_in(r, 5) ? any_pointer(r) : any_iovec(r);
  const uint32_t rights = below(r, 6);
  control[0] = one_in(r, 6) ? any_size(r) : 16 + 4 * rights;
  words[2] = one_in(r, 6) ? (int32_t)below(r, 300) : 1;  // SOL_SOCKET
  words[3] = (int32_t)(1 + below(r, 3));                 // SCM_RIGHTS, SCM_CREDENTIALS
  for (uint32_t i = 0; i < rights; i++) words[4 + i] = any_fd(r);
  m[0] = one_in(r, 3) ? any_pointer(r) : 0;
  m[1] = any_size(r) & 0xffffffff;
  m[2] = vector;
  m[3] = one_in(r, 5) ? any_size(r) : below(r, 8);
  m[4] = one_in(r, 5) ? any_pointer(r) : (uint64_t)control;
  m[5] = one_in(r, 5) ? any_size(r) : 24 + 8 * below(r, 5);
  m[6] = any_flags(r);
  m[7] = 0;
  return (uint64_t)m;
}

static uint64_t any_argument(struct random* r, uint8_t kind) {
  if (one_in(r, tame ? 200 : 16)) return any_word(r);
  uint64_t p;
  switch (kind) {
    case kSize: return any_size(r);
    case kFd: p = (uint32_t)any_fd(r); return one_in(r, 12) ? p | random_u64(r) << 32 : p;
    case kPath: return any_path(r);
    case kSignal: return one_in(r, 3) ? below(r, 70) : (uint64_t[]){0, 10, 17, 18, 23, 34, 64}[below(r, 7)];
    case kFlags: return any_flags(r);
    case kIovec: return one_in(r, 6) ? any_pointer(r) : any_iovec(r);
    case kMessage: return one_in(r, 6) ? any_pointer(r) : any_message(r);
    case kMask:
      p = any_pointer(r);
      if (p >= (uint64_t)data && p < (uint64_t)data + kDataPages * kPage - 8) {
        uint64_t mask = random_u64(r) & random_u64(r);
        if (!one_in(r, 30)) mask &= ~(UINT64_C(1) << (kWakeSignal - 1));
        mask = not_far(mask);
        memcpy((void*)p, &mask, 8);
      }
      return p;
    case kStructure:
    case kBuffer:
    case kVector: {
      p = any_pointer(r);
      const uint64_t first = (uint64_t)data, last = first + kDataPages * kPage - 256;
      if (p >= first && p <= last) fill(r, (uint64_t*)(p & ~UINT64_C(7)), 1 + below(r, 24));
      return p;
    }
    case kAddress: return one_in(r, 3) ? any_word(r) : any_pointer(r);
    case kPid: return one_in(r, 2) ? 0 : any_word(r);
    case kNumber: return tame ? below(r, 70) : any_word(r);
    default: return any_word(r);
  }
}

static uint64_t any_number(struct random* r) {
  const uint64_t number = below(r, 470);
  switch (below(r, 64)) {
    case 0: return 470 + below(r, 600);
    case 1: return number | random_u64(r) << 32;   // Linux reads 32 bits
    case 2: return number | UINT64_C(0x40000000);  // x32
    case 3: return random_u64(r);
    case 4: return (uint64_t) - (int64_t)below(r, 100);
    default: return number;
  }
}

bool call_make(uint64_t seed, uint32_t index, struct call* call) {
  struct random r = {seed * UINT64_C(0xd1342543de82ef95) + index};
  random_u64(&r);
  call->number = any_number(&r);
  const uint32_t number = (uint32_t)call->number;
  const struct signature* signature = &signatures[number < kMaxNumber ? number : 0];
  const uint32_t bad = below(&r, 4) == 0 ? 6 : below(&r, 12);  // this argument is; 6: each may be
  for (uint32_t i = 0; i < 6; i++) {
    tame = bad != 6 && bad != i;
    call->arg[i] = any_argument(&r, number < kMaxNumber ? signature->kind[i] : kNumber);
  }
  tame = false;
  // Processes, signals and memory are worth more than one argument in seventy.
  if (number == SYS_prctl) call->arg[0] = one_in(&r, 4) ? call->arg[0] : below(&r, 80);
  if (number == SYS_ioctl && one_in(&r, 2)) {
    static const uint32_t requests[] = {0x5400, 0x8900, 0xae00, 0x6600, 0x5800, 0x1200, 0x4b00, 0xb700};
    call->arg[1] = requests[below(&r, 8)] | below(&r, 256) |
                   (one_in(&r, 2) ? below(&r, 4) << 30 | below(&r, 64) << 16 : 0);
  }
  return call_allowed(&r, call);
}

void memory_scribble(struct random* r) {
  fill(r, (uint64_t*)in_data(r), 1 + below(r, 16));
  if (!one_in(r, 64)) return;
  const int all = PROT_READ | PROT_WRITE;
  switch (below(r, 3)) {
    case 0: munmap(flicker, kPage); break;
    case 1: mprotect(flicker, kPage, PROT_READ); break;
    case 2: mmap(flicker, kPage, all, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0); break;
  }
}

// Calls before leave their results in the data; leaks_in_memory() reads all of it.
void data_span(const uint64_t** first, const uint64_t** last) {
  *first = (const uint64_t*)data;
  *last = (const uint64_t*)(data + kDataPages * kPage);
}
