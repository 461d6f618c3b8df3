// Purpose: all code that runs inside the VM in ring 0: the SYSCALL entry, the return by IRETQ and the 32
//          exception entries. Copied to the gate page (abi/layout.h) and position-independent.
// Owner:   guest. Threads: every vCPU runs it; it keeps no state but the vCPU's own ring-0 stack.
// Trust:   registers hold GUEST values throughout; nothing here follows them.
#include "abi/layout.h"

        .section .rodata.gate, "a", @progbits
        .balign 64
        .globl barchan_gate_start, barchan_gate_end
        .globl barchan_gate_syscall, barchan_gate_sysret, barchan_gate_iret, barchan_gate_exceptions
        .globl barchan_gate_named, barchan_gate_posted, barchan_gate_loaded, barchan_gate_late, barchan_gate_late_sysret
        .globl barchan_gate_indexed, barchan_gate_unanswered, barchan_gate_answered, barchan_gate_answered_loaded
        .globl barchan_gate_behind, barchan_gate_selftest, barchan_gate_selftest_in, barchan_gate_selftest_end
barchan_gate_start:

// SYSRET loses RF, and with TF it traps before the first instruction of the user's: such a call returns by IRETQ.
#define TF_OR_RF 0x10100
#define AT(va) (barchan_gate_start + ((va) - BARCHAN_GATE_VA))(%rip)
#define RING(offset) AT(BARCHAN_RING_SUPERVISOR_VA + offset)

// LSTAR. RCX = user RIP, R11 = user RFLAGS, RSP = the user's (no stack is touched here). The monitor answers
// in RAX and resumes behind the `out`. It resumes here only when RCX is a canonical user address: SYSRET
// with another RCX faults in ring 0 on Intel processors (SDM vol. 2B, SYSRET).
//
// What the page of answers has is answered here (monitor/answers/answers.h); RAX is the answer's address meanwhile, and a
// number again where there is none.
//
// Where Vm::results_by_in, the monitor has made `inl` and `cltq` of the `out` and the two bytes behind it (mm/space.cc): KVM
// then puts results of 32 bits into RAX by itself, and others are put there with RIP at the SYSRET.
//
// While an executor looks, other calls are posted to it first (monitor/ring/ring.h). RAX is the only register that
// changes meanwhile, and its value is in the page. No PAUSE: processors leave the guest for too many of them.
barchan_gate_syscall:
        cmpq    $BARCHAN_RING_CALLS, %rax
        jae     0f
        shlq    $BARCHAN_ANSWER_SHIFT, %rax
barchan_gate_indexed:
        addq    answers(%rip), %rax
        cmpl    $0, BARCHAN_ANSWER_GIVEN(%rax)
        jne     barchan_gate_answered
5:      andl    $(BARCHAN_PAGE_SIZE - 1), %eax
        shrl    $BARCHAN_ANSWER_SHIFT, %eax
barchan_gate_unanswered:
        cmpl    $0, RING(BARCHAN_RING_OPEN)
        jne     1f
0:      outb    %al, $BARCHAN_PORT_SYSCALL
barchan_gate_behind:
        .byte   0x66, 0x90
barchan_gate_sysret:
        sysretq
1:      testl   $TF_OR_RF, %r11d
        jnz     0b
        movl    %eax, RING(BARCHAN_RING_NR)
barchan_gate_named:
        movq    %rax, RING(BARCHAN_RING_ARGUMENTS)
        leaq    RING(BARCHAN_RING_SERVED), %rax
        addq    RING(BARCHAN_RING_ARGUMENTS), %rax
        cmpb    $0, (%rax)
        movl    RING(BARCHAN_RING_NR), %eax
        je      0b
        movq    %rdi, RING(BARCHAN_RING_ARGUMENTS)
        movq    %rsi, RING(BARCHAN_RING_ARGUMENTS + 8)
        movq    %rdx, RING(BARCHAN_RING_ARGUMENTS + 16)
        movq    %r10, RING(BARCHAN_RING_ARGUMENTS + 24)
        movq    %r8, RING(BARCHAN_RING_ARGUMENTS + 32)
        movq    %r9, RING(BARCHAN_RING_ARGUMENTS + 40)
        movq    %rcx, RING(BARCHAN_RING_RETURN)
        movl    $BARCHAN_RING_LOOKS, RING(BARCHAN_RING_COUNT)
        subl    $2, RING(BARCHAN_RING_NEGATED)
        addl    $2, RING(BARCHAN_RING_POST)
barchan_gate_posted:
2:      movl    RING(BARCHAN_RING_ANSWER), %eax
        addl    RING(BARCHAN_RING_NEGATED), %eax
        jz      3f
        decl    %eax
        jz      4f
        decl    RING(BARCHAN_RING_COUNT)
        jnz     2b
        jmp     4f
3:
        movq    RING(BARCHAN_RING_RESULT), %rax
barchan_gate_loaded:
        sysretq
4:      movl    RING(BARCHAN_RING_NR), %eax
barchan_gate_late:
        outb    %al, $BARCHAN_PORT_SYSCALL
barchan_gate_late_sysret:
        sysretq

barchan_gate_answered:
        cmpl    $0, AT(BARCHAN_WATCH_SUPERVISOR_VA)
        jne     5b
        testl   $TF_OR_RF, %r11d
        jnz     5b
        movl    (%rax), %eax
barchan_gate_answered_loaded:
        sysretq
        .balign 8
answers:
        .quad   BARCHAN_ANSWERS_SUPERVISOR_VA

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
        outb    %al, $BARCHAN_PORT_RING
        syscall
        ud2
// Where SYSCALL does: is an IN finished as kvm/entry_mode.cc wants it?
barchan_gate_selftest_in:
        inl     $BARCHAN_PORT_RING, %eax
        outb    %al, $BARCHAN_PORT_RING
        ud2
barchan_gate_selftest_end:

        .section .note.GNU-stack, "", @progbits
