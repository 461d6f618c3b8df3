// Purpose: a host system call that a captured signal prevents or ends. Contract: host/interruptible.h.
// Owner:   host.
//
// i64 barchan_interruptible(i64 nr, const u64 args[6], const volatile u32* pending)
// A leaf that never moves RSP: the signal handler may send any instruction of the window, from the entry
// to the `syscall`, to barchan_interruptible_restart.

        .text
        .globl barchan_interruptible, barchan_interruptible_call, barchan_interruptible_restart
        .hidden barchan_interruptible, barchan_interruptible_call, barchan_interruptible_restart
        .type barchan_interruptible, @function
        .p2align 4
barchan_interruptible:
        cmpl    $0, (%rdx)
        jne     barchan_interruptible_restart
        movq    %rdi, %rax
        movq    %rsi, %r11
        movq    0(%r11), %rdi
        movq    8(%r11), %rsi
        movq    16(%r11), %rdx
        movq    24(%r11), %r10
        movq    32(%r11), %r8
        movq    40(%r11), %r9
barchan_interruptible_call:
        syscall
        ret
barchan_interruptible_restart:
        movq    $-512, %rax
        ret
        .size barchan_interruptible, . - barchan_interruptible

        .section .note.GNU-stack, "", @progbits
