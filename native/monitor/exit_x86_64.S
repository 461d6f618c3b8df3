// The end and the beginning of a thread, where there is no stack to call functions on.
        .text

// [[noreturn]] void barchan_leave(u32* state, int status)
// After the store another thread may own this stack: registers only.
        .globl  barchan_leave
        .type   barchan_leave, @function
barchan_leave:
        movl    %esi, %eax
        movl    $0, (%rdi)
        movl    %eax, %edi
        movl    $60, %eax               // exit
        syscall
        ud2

// i64 barchan_clone(i64 nr, const u64 args[5], void* argument, void (*entry)(void*))
// clone or clone3 with a new stack, at whose top the caller left room: the child calls entry(argument) there and
// never returns. The parent gets the call's result.
        .globl  barchan_clone
        .type   barchan_clone, @function
barchan_clone:
        pushq   %r12
        pushq   %r13
        movq    %rdx, %r12
        movq    %rcx, %r13
        movq    %rdi, %rax
        movq    %rsi, %r9
        movq    0(%r9), %rdi
        movq    8(%r9), %rsi
        movq    16(%r9), %rdx
        movq    24(%r9), %r10
        movq    32(%r9), %r8
        syscall
        testq   %rax, %rax
        jz      1f
        popq    %r13
        popq    %r12
        ret
1:      xorl    %ebp, %ebp
        movq    %r12, %rdi
        callq   *%r13
        ud2

        .section .note.GNU-stack, "", @progbits
