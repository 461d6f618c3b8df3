// Purpose: code that runs in ring 3 beside the guest's own: the SYSCALL entry of entry mode `user`, and the calls that
//          patched sites make through the ring. Copied to the user-code page (abi/layout.h), position-independent.
// Owner:   guest. Threads: every vCPU runs it, on the ring page that is its own.
// Trust:   none: whatever is done here, a guest could do. The monitor believes nothing of it (monitor/ring/ring.h).
#include "abi/layout.h"

#define AT(va) (barchan_user_start + ((va) - BARCHAN_USER_CODE_VA))(%rip)
#define RING(offset) AT(BARCHAN_RING_VA + offset)
// The arithmetic flags from R11, without a stack, by way of EAX: OF (bit 11) by an addition, the others from AH.
#define RESTORE_FLAGS   \
        movzbl  %r11b, %eax;  \
        shll    $8, %eax;     \
        btl     $11, %r11d;   \
        setc    %al;          \
        addb    $127, %al;    \
        sahf
// Flags that SYSCALL has cleared (SFMASK) and that are not put back below: TF, DF, NT, RF, AC.
#define RARE_FLAGS 0x54500

        .section .rodata.user_code, "a", @progbits
        .balign 64
        .globl barchan_user_start, barchan_user_end
        .globl barchan_user_syscall, barchan_user_sysret, barchan_user_named, barchan_user_posted, barchan_user_loaded
        .globl barchan_user_late, barchan_user_late_sysret
        .globl barchan_user_ring, barchan_user_ring_saved, barchan_user_ring_posted, barchan_user_ring_loaded
        .globl barchan_user_ring_unanswered, barchan_user_ring_late, barchan_user_ring_out, barchan_user_ring_closed, barchan_user_ring_kept
        .globl barchan_user_ring_unserved
        .globl barchan_user_indexed, barchan_user_unanswered, barchan_user_answered, barchan_user_answered_taken
        .globl barchan_user_answered_kept, barchan_user_answered_loaded, barchan_user_answered_end
        .globl barchan_user_ring_answered
barchan_user_start:

// LSTAR where SYSCALL leaves the processor in ring 3. As barchan_gate_syscall; for what is behind an `out`, the monitor
// sets the registers itself.
barchan_user_syscall:
        cmpq    $BARCHAN_RING_CALLS, %rax
        jae     1f
        shlq    $BARCHAN_ANSWER_SHIFT, %rax
barchan_user_indexed:
        addq    answers(%rip), %rax
        cmpl    $0, BARCHAN_ANSWER_GIVEN(%rax)
        jne     barchan_user_answered
6:      andl    $(BARCHAN_PAGE_SIZE - 1), %eax
        shrl    $BARCHAN_ANSWER_SHIFT, %eax
barchan_user_unanswered:
        cmpl    $0, RING(BARCHAN_RING_OPEN)
        je      1f
        testl   $RARE_FLAGS, %r11d
        jz      2f
1:      outb    %al, $BARCHAN_PORT_SYSCALL
barchan_user_sysret:
        ud2
2:      movl    %eax, RING(BARCHAN_RING_NR)
barchan_user_named:
        movq    %rax, RING(BARCHAN_RING_ARGUMENTS)
        leaq    RING(BARCHAN_RING_SERVED), %rax
        addq    RING(BARCHAN_RING_ARGUMENTS), %rax
        cmpb    $0, (%rax)
        movl    RING(BARCHAN_RING_NR), %eax
        je      1b
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
barchan_user_posted:
3:      movl    RING(BARCHAN_RING_ANSWER), %eax
        addl    RING(BARCHAN_RING_NEGATED), %eax
        jz      4f
        decl    %eax
        jz      5f
        decl    RING(BARCHAN_RING_COUNT)
        jnz     3b
        jmp     5f
4:      RESTORE_FLAGS
        movq    RING(BARCHAN_RING_RESULT), %rax
barchan_user_loaded:
        jmp     *%rcx
5:      movl    RING(BARCHAN_RING_NR), %eax
barchan_user_late:
        outb    %al, $BARCHAN_PORT_SYSCALL
barchan_user_late_sysret:
        ud2

// A vCPU that has answers has a ring page of its own.
barchan_user_answered:
        cmpl    $0, AT(BARCHAN_WATCH_VA)
        jne     6b
        testl   $RARE_FLAGS, %r11d
        jnz     6b
        movl    (%rax), %eax
barchan_user_answered_taken:
        movq    %rax, RING(BARCHAN_RING_KEPT)
barchan_user_answered_kept:
        RESTORE_FLAGS
        movq    RING(BARCHAN_RING_KEPT), %rax
barchan_user_answered_loaded:
        jmp     *%rcx
barchan_user_answered_end:
        .balign 8
answers:
        .quad   BARCHAN_ANSWERS_VA

// From a trampoline: EAX = call number, RCX = where the call returns to. R11 is free, as after SYSCALL. No flag changes
// here (JRCXZ, LEA and MOV leave them alone), so they need not be saved. A page that is closed may be everybody's, and is
// only read.
        .balign 64
barchan_user_ring_closed:
8:      movq    %r11, %rcx
        outb    %al, $BARCHAN_PORT_RING
barchan_user_ring_out:
        ud2
6:      leaq    AT(BARCHAN_ANSWERS_VA), %rcx
        movl    (%rcx,%rax,1 << BARCHAN_ANSWER_SHIFT), %eax
barchan_user_ring_answered:
        movq    %r11, %rcx
        jmp     *%r11
barchan_user_ring_unserved:
9:      movq    RING(BARCHAN_RING_RETURN), %r11
        jmp     8b
barchan_user_ring:
        movq    %rcx, %r11
barchan_user_ring_kept:
        leaq    AT(BARCHAN_ANSWERS_VA), %rcx
        movl    BARCHAN_ANSWER_GIVEN(%rcx,%rax,1 << BARCHAN_ANSWER_SHIFT), %ecx
        jrcxz   7f
        movl    AT(BARCHAN_WATCH_VA), %ecx
        jrcxz   6b
7:      movl    RING(BARCHAN_RING_OPEN), %ecx
        jrcxz   8b
        movq    %r11, RING(BARCHAN_RING_RETURN)
barchan_user_ring_saved:
        leaq    RING(BARCHAN_RING_SERVED), %r11
        movzbl  (%r11,%rax), %ecx
        jrcxz   9b
        movl    %eax, RING(BARCHAN_RING_NR)
        movq    %rdi, RING(BARCHAN_RING_ARGUMENTS)
        movq    %rsi, RING(BARCHAN_RING_ARGUMENTS + 8)
        movq    %rdx, RING(BARCHAN_RING_ARGUMENTS + 16)
        movq    %r10, RING(BARCHAN_RING_ARGUMENTS + 24)
        movq    %r8, RING(BARCHAN_RING_ARGUMENTS + 32)
        movq    %r9, RING(BARCHAN_RING_ARGUMENTS + 40)
        movl    $BARCHAN_RING_LOOKS, RING(BARCHAN_RING_COUNT)
        movl    RING(BARCHAN_RING_NEGATED), %r11d
        leal    -2(%r11), %r11d
        movl    %r11d, RING(BARCHAN_RING_NEGATED)
        movl    RING(BARCHAN_RING_POST), %ecx
        leal    2(%rcx), %ecx
        movl    %ecx, RING(BARCHAN_RING_POST)
barchan_user_ring_posted:
1:      movl    RING(BARCHAN_RING_ANSWER), %ecx
        leal    (%rcx,%r11), %ecx
        jrcxz   3f
        leal    -1(%rcx), %ecx
        jrcxz   8f
        movl    RING(BARCHAN_RING_COUNT), %ecx
        leal    -1(%rcx), %ecx
        movl    %ecx, RING(BARCHAN_RING_COUNT)
        jrcxz   8f
        jmp     1b
3:      movq    RING(BARCHAN_RING_RESULT), %rax
barchan_user_ring_loaded:
        movq    RING(BARCHAN_RING_RETURN), %rcx
        jmp     *%rcx
barchan_user_ring_unanswered:
8:      movq    RING(BARCHAN_RING_RETURN), %rcx
        outb    %al, $BARCHAN_PORT_RING
barchan_user_ring_late:
        ud2
barchan_user_end:

        .section .note.GNU-stack, "", @progbits
