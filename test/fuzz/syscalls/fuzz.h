// Random system calls from inside a guest: what the parts share.
//
// A controller (main.c) starts workers (worker.c) that make calls; call number i of a seed is the same in every run,
// as far as the arguments go (values.c). A worker that dies, hangs or has made its share is replaced. After calls the
// worker looks for what no guest may see (leaks.c): descriptors and addresses of the monitor.
#ifndef FUZZ_H
#define FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../../native/abi/layout.h"

enum {
  kPage = 4096,
  kMaxNumber = 480,  // the table's numbers are below
  kFdLimit = 256,    // RLIMIT_NOFILE of every worker: no descriptor of ours is at or above it
  kObjects = 512,
  kWakeSignal = 12,     // SIGUSR2: ends calls that wait
  kWorkerShare = 1500,  // calls that one worker makes, so that its state does not wear out
};
#define ARENA_END ((uint64_t)BARCHAN_ARENA_END)  // a guest's addresses are below
#define USER_END (UINT64_C(1) << 47)

// A System V object that a call made. They outlive processes.
struct object {
  uint32_t number;  // of the call
  int id;
};

// What controller and workers share; survives the death of a worker.
struct shared {
  _Atomic uint32_t next;    // the call that comes next
  _Atomic uint32_t number;  // of the call in progress
  _Atomic int32_t worker;   // its process, and the thread that makes the calls
  _Atomic uint32_t leaks;
  uint32_t fd_base;                     // the monitor's descriptors are from here up: the hard limit at start
  _Atomic uint32_t made[kMaxNumber];    // calls made, by number
  _Atomic uint32_t worked[kMaxNumber];  // of them, those that did not fail
  _Atomic bool returned;                // of the one call that compare.c makes at a time
  _Atomic long result;
  _Atomic uint64_t hash;
  _Atomic uint32_t objects;        // made so far
  struct object object[kObjects];  // the last ones
};
extern struct shared* shared;

// Random numbers (splitmix64): the same from the same start.
struct random {
  uint64_t state;
};
static inline uint64_t random_u64(struct random* r) {
  uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}
static inline uint32_t below(struct random* r, uint32_t n) { return (uint32_t)(random_u64(r) >> 32) % n; }
static inline bool one_in(struct random* r, uint32_t n) { return below(r, n) == 0; }

struct call {
  uint64_t number;
  uint64_t arg[6];
};
// What syscalls.def says of an argument.
enum kind {
  kNone,
  kNumber,
  kSize,
  kFd,
  kPath,
  kVector,
  kMask,
  kStructure,
  kBuffer,
  kIovec,
  kMessage,
  kAddress,
  kPid,
  kSignal,
  kFlags,
};
struct signature {
  const char* name;  // null: no such call
  uint8_t count;
  uint8_t kind[6];
};
extern const struct signature signatures[kMaxNumber];

// Memory that calls are pointed at. `memory_setup` maps it; threads may change it at any time.
void memory_setup(void);
uint64_t* memory_word(void);             // one of it
void memory_scribble(struct random* r);  // as a thread would, that changes arguments during a call
uint64_t any_pointer(struct random* r);
uint64_t any_word(struct random* r);
int any_fd(struct random* r);

// Fills in call number `index` of `seed`. False: a call that must not be made (see calls.c).
bool call_make(uint64_t seed, uint32_t index, struct call* call);
bool call_allowed(struct random* r, struct call* call);

// Looks for the monitor's descriptors and addresses, prints what it finds, counts it in shared->leaks.
void leaks_in_memory(const struct call* call);
void leaks_in_descriptors(struct random* r);
void leaks_in_proc(void);
void leak(const char* format, ...) __attribute__((format(printf, 1, 2)));
extern const uint64_t far_addresses[];  // addresses past the arena that calls are given on purpose
extern const int far_address_count;

_Noreturn void worker_run(uint64_t seed, uint32_t end, bool log);
void limits_setup(void);
void descriptors_setup(void);
void data_span(const uint64_t** first, const uint64_t** last);  // of the memory that calls are pointed at
void compare(uint64_t seed, uint32_t first, uint32_t last);
long raw_call(const struct call* call);
void objects_remove(void);  // those that calls made

#endif
