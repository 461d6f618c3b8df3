// Purpose: where the monitor's own signal handler returns to (man 2 sigreturn).
// Owner:   monitor/signal.
#include <asm/unistd.h>

        .text
        .globl barchan_signal_restorer
        .hidden barchan_signal_restorer
        .type barchan_signal_restorer, @function
        .p2align 4
barchan_signal_restorer:
        movl    $__NR_rt_sigreturn, %eax
        syscall
        .size barchan_signal_restorer, . - barchan_signal_restorer

        .section .note.GNU-stack, "", @progbits
