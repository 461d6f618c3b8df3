// Purpose: single values of guest memory as text, for the tracer.
// Owner:   monitor (tracer). Threads: any. Trust: addresses, sizes and what lies there are GUEST values; every
//          read goes through uaccess, and what cannot be read is shown as its address.
#ifndef BARCHAN_MONITOR_TRACE_VALUES_H
#define BARCHAN_MONITOR_TRACE_VALUES_H

#include "host/string.h"
#include "host/types.h"

namespace barchan::trace {

// NULL or hexadecimal.
void put_address(Text& out, u64 address);
void put_octal(Text& out, u32 value);
// A NUL-terminated string in quotes, cut at kPathShown.
void put_string(Text& out, u64 address);
// `size` bytes in quotes, cut at kBufferShown.
void put_bytes(Text& out, u64 address, u64 size);
// A NULL-terminated array of strings: `["ls", "-l"]`, or with `count_only` its address and how many there are.
void put_strings(Text& out, u64 address, bool count_only);
// struct iovec[]: with `contents` the bytes, else the addresses.
void put_vectors(Text& out, u64 address, u64 count, bool contents);
// A 64-bit signal mask: `[SIGINT SIGCHLD]`, or `~[SIGKILL]` when most are in it.
void put_mask(Text& out, u64 address);
// struct sockaddr of `size` bytes.
void put_socket_address(Text& out, u64 address, u64 size);
// `count` 32-bit numbers in brackets, or 64-bit numbers in braces.
void put_words(Text& out, u64 address, unsigned count);
void put_longs(Text& out, u64 address, unsigned count);

}  // namespace barchan::trace

#endif
