// Purpose: all code that runs inside the VM in ring 0: the SYSCALL entry, the return by IRETQ and the 32
//          exception entries. Copied to the gate page (abi/layout.h) and position-independent.
// Owner:   guest. Threads: every vCPU runs it; it keeps no state but the vCPU's own ring-0 stack.
// Trust:   registers hold GUEST values throughout; nothing here follows them.
#include "abi/layout.h"

        .section .rodata.gate, "a", @progbits
        .balign 64
        .globl barchan_gate_start, barchan_gate_end
        .globl barchan_gate_syscall, barchan_gate_sysret, barchan_gate_iret, barchan_gate_exceptions
        .globl barchan_gate_selftest, barchan_gate_selftest_end
barchan_gate_start:

// LSTAR. RCX = user RIP, R11 = user RFLAGS, RSP = the user's (no stack is touched here). The monitor answers
// in RAX and resumes behind the `out`. It resumes here only when RCX is a canonical user address: SYSRET
// with another RCX faults in ring 0 on Intel processors (SDM vol. 2B, SYSRET).
barchan_gate_syscall:
        outb    %al, $BARCHAN_PORT_SYSCALL
barchan_gate_sysret:
        sysretq

// Full restore: the monitor has put a frame (layout.h) on the ring-0 stack and RSP at its start.
        .balign 16
barchan_gate_iret:
        addq    $BARCHAN_FRAME_RIP, %rsp
        iretq

// Exception N enters at barchan_gate_exceptions + N * BARCHAN_EXCEPTION_STUB_SIZE and completes the frame.
        .balign 64
barchan_gate_exceptions:
        .set    vector, 0
        .rept   BARCHAN_EXCEPTION_VECTORS
        .balign BARCHAN_EXCEPTION_STUB_SIZE
        // The processor pushes an error code for these (SDM vol. 3A, table 6-1).
        .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || \
              (vector == 29) || (vector == 30))
        pushq   $0
        .endif
        pushq   $vector
        .if vector == 14
        pushq   %rax
        movq    %cr2, %rax
        xchgq   %rax, (%rsp)
        .else
        pushq   $0
        .endif
        outb    %al, $BARCHAN_PORT_EXCEPTION
        jmp     barchan_gate_iret
        .set    vector, vector + 1
        .endr
        .balign BARCHAN_EXCEPTION_STUB_SIZE
barchan_gate_end:

// Runs in ring 3 once per VM, before any guest code: how does SYSCALL arrive? (kvm/entry_mode.h)
barchan_gate_selftest:
        syscall
        ud2
barchan_gate_selftest_end:

        .section .note.GNU-stack, "", @progbits
