// Purpose: what a monitor and Node say to each other about a call that Node decides (docs/intercept.md).
// Owner:   abi; spoken by monitor/intercept/ and lib/intercept-message.ts (little-endian, packed as below).
// Trust:   requests carry GUEST values in copies; answers come from Node. Both sides check what they are sent. No guest
//          has either socket.
//
// Node gives each program one end of a SOCK_SEQPACKET pair, which all of its processes share. A call that is asked about
// makes a pair of its own, sends the request with one end (SCM_RIGHTS), and waits for the answer on the other: so an
// answer reaches its own thread, and each side sees the other's end. The nonce ties the two together: the monitor made the
// pair where its numbers are the guest's for a moment.
#ifndef BARCHAN_ABI_INTERCEPT_H
#define BARCHAN_ABI_INTERCEPT_H

#include "host/types.h"

namespace barchan::abi {

constexpr u32 kInterceptMagic = 0x50544e49;  // "INTP"
constexpr u32 kInterceptVersion = 1;

constexpr u32 kInterceptDataMost = 64 << 10;     // bytes of a buffer, either way
constexpr u32 kInterceptStringMost = 4096;       // of a path or name, with its NUL
constexpr u32 kInterceptMessageMost = 96 << 10;  // of a request or an answer
constexpr u32 kInterceptParts = 6;

// The bits of which calls are asked about, by number.
constexpr u32 kInterceptSetWords = 8;

enum InterceptPartKind : u16 {
  kInterceptString = 1,   // a path or a name, without its NUL
  kInterceptBytes = 2,    // memory that the call reads
  kInterceptStrings = 3,  // argv: strings with their NULs
};

// What one argument points to, copied.
constexpr u16 kInterceptAddress = 6;  // in place of an argument: the address in sendmsg's header
struct InterceptPart {
  u16 argument;
  u16 kind;
  u32 offset;  // from the start of the request
  u32 size;    // in the request
  u32 whole;   // of what there is: more than `size` when it does not fit
};
static_assert(sizeof(InterceptPart) == 16);

struct InterceptRequest {
  u32 magic, version;
  u32 size;      // of the message
  u32 number;    // of the call, as it is made: an older name has become the newer call
  u32 original;  // the number that the guest used
  i32 pid, tid;  // the guest's
  u32 parts;
  u64 nonce[2];
  u64 argument[6];
  u8 kind[6];  // table::Kind of each argument
  u8 count;    // of arguments
  u8 output;   // the argument that an answer's bytes go to, or 0xff
  u32 room;    // for these bytes
  u32 pad;
  InterceptPart part[kInterceptParts];
};
static_assert(sizeof(InterceptRequest) == 208);

enum InterceptAction : u32 {
  kInterceptAllow = 0,  // make the call, with `changed` arguments and paths
  kInterceptDeny = 1,   // fail with `error`
  kInterceptValue = 2,  // succeed with `value`
  kInterceptGive = 3,   // write `data` to the guest's buffer, succeed with `value`
  kInterceptFd = 4,     // the descriptor that comes along is the result; of connect: takes the socket's place
  kInterceptKill = 5,   // the program dies by SIGSYS
};

constexpr u32 kInterceptCloexec = 1;  // of InterceptAnswer::flags

struct InterceptAnswer {
  u32 magic, version;
  u32 size;
  u32 action;
  u64 nonce[2];
  i32 error;  // 1..4095 with kInterceptDeny, else 0
  u32 flags;
  u64 value;    // below 2^63
  u32 changed;  // bit n: argument n becomes `argument[n]`
  u32 strings;  // bit n: argument n's string becomes the next of `data`, each with its NUL
  u64 argument[6];
  u32 data;  // bytes after this structure
  u32 pad;
};
static_assert(sizeof(InterceptAnswer) == 112);

}  // namespace barchan::abi

#endif
