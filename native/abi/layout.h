// Purpose: the numbers that C++, assembly and tests must agree on: address-space layout,
//          selectors, gate ports, and the shape of a vCPU page.
// Owner:   abi. Included by C++ and by .S files, so it holds preprocessor constants only.
// Trust:   nothing here is guest-controlled.
#ifndef BARCHAN_ABI_LAYOUT_H
#define BARCHAN_ABI_LAYOUT_H

#define BARCHAN_PAGE_SHIFT 12
#define BARCHAN_PAGE_SIZE 0x1000

// The arena: every address a guest may own. Guest virtual == monitor virtual inside it. Its end is a compromise:
// as high as programs with fixed places need (AddressSanitizer's heap is [0x600000000000, 0x640000000000)), below
// all that the host kernel may choose for the monitor, which is 2^47 less 2^44 of randomization (vm.mmap_rnd_bits
// = 32) and the stack's limit (monitor/host_layout.h).
// ARENA_TOP leaves 2 MiB below ARENA_END that are never mapped, so that a string or a buffer
// that starts inside the arena cannot run into monitor memory: the host faults in the hole.
#define BARCHAN_ARENA_START 0x10000
#define BARCHAN_ARENA_TOP 0x67ffffe00000
#define BARCHAN_ARENA_END 0x680000000000

// The system region in guest virtual memory: gate, IDT, per-vCPU pages. Supervisor-only,
// except the gate page in entry mode `user`.
#define BARCHAN_SYSTEM_VA 0x7e0000000000
#define BARCHAN_GATE_OFFSET 0x0000
#define BARCHAN_IDT_OFFSET 0x1000
#define BARCHAN_USER_CODE_OFFSET 0x3000
#define BARCHAN_VCPU_PAGES_OFFSET 0x200000
// The page of the vCPU that runs: each vCPU has a top page table of its own, which differs in this GiB only. Once for
// ring 3 and once for ring 0, as SMAP keeps ring 0 from the former.
#define BARCHAN_RING_OFFSET 0x40000000
#define BARCHAN_GATE_VA (BARCHAN_SYSTEM_VA + BARCHAN_GATE_OFFSET)
#define BARCHAN_IDT_VA (BARCHAN_SYSTEM_VA + BARCHAN_IDT_OFFSET)
#define BARCHAN_USER_CODE_VA (BARCHAN_SYSTEM_VA + BARCHAN_USER_CODE_OFFSET)
#define BARCHAN_RING_VA (BARCHAN_SYSTEM_VA + BARCHAN_RING_OFFSET)
#define BARCHAN_RING_SUPERVISOR_VA (BARCHAN_RING_VA + BARCHAN_PAGE_SIZE)
// Behind it, read-only and in both ways as well: the answers of the vCPU that runs, and the page that says whether somebody
// watches (abi/events.h).
#define BARCHAN_ANSWERS_VA (BARCHAN_RING_VA + 2 * BARCHAN_PAGE_SIZE)
#define BARCHAN_ANSWERS_SUPERVISOR_VA (BARCHAN_RING_VA + 3 * BARCHAN_PAGE_SIZE)
#define BARCHAN_WATCH_VA (BARCHAN_RING_VA + 4 * BARCHAN_PAGE_SIZE)
#define BARCHAN_WATCH_SUPERVISOR_VA (BARCHAN_RING_VA + 5 * BARCHAN_PAGE_SIZE)
#define BARCHAN_VCPU_PAGES_VA (BARCHAN_SYSTEM_VA + BARCHAN_VCPU_PAGES_OFFSET)

// Selectors as Linux x86-64 has them (arch/x86/include/asm/segment.h; visible to programs
// through CS and SS in signal frames).
#define BARCHAN_KERNEL_CS 0x10
#define BARCHAN_KERNEL_SS 0x18
#define BARCHAN_USER_CS32 0x23
#define BARCHAN_USER_SS 0x2b
#define BARCHAN_USER_CS 0x33
#define BARCHAN_TSS_SELECTOR 0x40

// Ports of the gate's `out %al, $port`. Their values mean nothing outside this project.
#define BARCHAN_PORT_SYSCALL 0x10
#define BARCHAN_PORT_EXCEPTION 0x11
#define BARCHAN_PORT_RING 0x12  // from user code, for a call that the ring did not make

#define BARCHAN_EXCEPTION_VECTORS 32
// Each exception entry stub is padded to this many bytes, so entry N is at base + N * size.
#define BARCHAN_EXCEPTION_STUB_SIZE 32

// One 4 KiB page per vCPU: GDT, TSS, then the ring-0 stack that grows down from the end.
#define BARCHAN_VCPU_GDT 0x000
#define BARCHAN_VCPU_GDT_LIMIT 0x4f
#define BARCHAN_VCPU_TSS 0x080
// The TSS proper, then 8 bytes of I/O permission bitmap: ports 0 to 0x2f and its closing byte. All ones, but
// for the ring's port, and the gate's system-call port in entry mode `user`.
#define BARCHAN_VCPU_TSS_BITMAP 0x68
#define BARCHAN_VCPU_TSS_LIMIT 0x6f
#define BARCHAN_VCPU_STACK_TOP 0xff0

// The frame an exception stub leaves on the ring-0 stack when it reaches its `out`,
// from the lowest address. CR2 is 0 except for vector 14.
#define BARCHAN_FRAME_CR2 0x00
#define BARCHAN_FRAME_VECTOR 0x08
#define BARCHAN_FRAME_ERROR 0x10
#define BARCHAN_FRAME_RIP 0x18
#define BARCHAN_FRAME_CS 0x20
#define BARCHAN_FRAME_RFLAGS 0x28
#define BARCHAN_FRAME_RSP 0x30
#define BARCHAN_FRAME_SS 0x38
#define BARCHAN_FRAME_SIZE 0x40
// Interrupts and exceptions from ring 3 align RSP down to 16 before pushing (SDM vol. 3A,
// 6.14.2): the top is a multiple of 16, so the frame is always at this offset in the page.
#define BARCHAN_VCPU_FRAME (BARCHAN_VCPU_STACK_TOP - BARCHAN_FRAME_SIZE)

// A ring page (monitor/ring/ring.h). Each cache line has one writer while calls are made: what the guest posts, what the
// executor answers, what the guest keeps for itself. OPEN and SERVED are the monitor's. All of it is GUEST data.
#define BARCHAN_RING_OPEN 0x00  // u32: not 0 while an executor looks
#define BARCHAN_RING_POST 0x40  // u32: of a call; two more than of the one before
#define BARCHAN_RING_NR 0x44    // u32
#define BARCHAN_RING_ARGUMENTS 0x48
#define BARCHAN_RING_RETURN 0x78  // where the call goes back to
#define BARCHAN_RING_ANSWER 0x80  // u32: POST when the call was made, POST + 1 when it was refused
#define BARCHAN_RING_RESULT 0x88
#define BARCHAN_RING_COUNT 0xc0    // u32: looks that are left
#define BARCHAN_RING_NEGATED 0xc4  // u32: -POST
#define BARCHAN_RING_KEPT 0xc8     // u64: an answer, while the flags are put back
#define BARCHAN_RING_SERVED \
  0x200  // one byte for each call number below BARCHAN_RING_CALLS: not 0 for those to post
#define BARCHAN_RING_CALLS 512

// A page of answers (monitor/answers/answers.h): for each call number below BARCHAN_RING_CALLS the result, and whether it
// is one, each a u32.
#define BARCHAN_ANSWER_SHIFT 3
#define BARCHAN_ANSWER_GIVEN 4

// How often a vCPU looks for an answer before it leaves the guest: some ten microseconds, several times what the calls
// that the ring makes take.
#define BARCHAN_RING_LOOKS 12000

#endif
