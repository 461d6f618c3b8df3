// Purpose: the instructions that touch guest memory. Contract: host/uaccess.h.
// Owner:   host.
//
// Every routine between barchan_uaccess_begin and barchan_uaccess_end is a leaf that never moves RSP, so
// one fix-up serves any faulting instruction among them: return -EFAULT to the routine's caller.
#include <asm/errno.h>

        .text
        .globl barchan_uaccess_begin, barchan_uaccess_end, barchan_uaccess_fault
        .hidden barchan_uaccess_begin, barchan_uaccess_end, barchan_uaccess_fault

        .p2align 4
barchan_uaccess_begin:

// i64 barchan_copy(void* to, const void* from, size_t size): 0 or -EFAULT. The common sizes of single
// words are one load and one store: on a shared word they cannot be torn.
        .globl barchan_copy
        .hidden barchan_copy
        .type barchan_copy, @function
barchan_copy:
        cmpq    $8, %rdx
        je      8f
        cmpq    $4, %rdx
        je      4f
        movq    %rdx, %rcx
        rep movsb
        xorl    %eax, %eax
        ret
8:      movq    (%rsi), %rax
        movq    %rax, (%rdi)
        xorl    %eax, %eax
        ret
4:      movl    (%rsi), %eax
        movl    %eax, (%rdi)
        xorl    %eax, %eax
        ret
        .size barchan_copy, . - barchan_copy

// i64 barchan_clear(void* to, size_t size): 0 or -EFAULT.
        .globl barchan_clear
        .hidden barchan_clear
        .type barchan_clear, @function
        .p2align 4
barchan_clear:
        movq    %rsi, %rcx
        xorl    %eax, %eax
        rep stosb
        ret
        .size barchan_clear, . - barchan_clear

// i64 barchan_copy_string(char* to, const char* from, size_t capacity): length, -EFAULT or -ENAMETOOLONG.
        .globl barchan_copy_string
        .hidden barchan_copy_string
        .type barchan_copy_string, @function
        .p2align 4
barchan_copy_string:
        xorl    %eax, %eax
1:      cmpq    %rdx, %rax
        jae     2f
        movzbl  (%rsi,%rax), %ecx
        movb    %cl, (%rdi,%rax)
        testb   %cl, %cl
        jz      3f
        incq    %rax
        jmp     1b
2:      movq    $-ENAMETOOLONG, %rax
3:      ret
        .size barchan_copy_string, . - barchan_copy_string

// i64 barchan_exchange_u32(u32* address, u32 expected, u32 desired, u32* seen): 0 or -EFAULT.
        .globl barchan_exchange_u32
        .hidden barchan_exchange_u32
        .type barchan_exchange_u32, @function
        .p2align 4
barchan_exchange_u32:
        movl    %esi, %eax
        lock cmpxchgl %edx, (%rdi)
        movl    %eax, (%rcx)
        xorl    %eax, %eax
        ret
        .size barchan_exchange_u32, . - barchan_exchange_u32

// i64 barchan_probe_read(const u8*), i64 barchan_probe_write(u8*): 0 or -EFAULT. The write is locked, so that
// it cannot undo another thread's store to the same byte.
        .globl barchan_probe_read, barchan_probe_write
        .hidden barchan_probe_read, barchan_probe_write
        .type barchan_probe_read, @function
        .type barchan_probe_write, @function
        .p2align 4
barchan_probe_read:
        movzbl  (%rdi), %eax
        xorl    %eax, %eax
        ret
        .size barchan_probe_read, . - barchan_probe_read
        .p2align 4
barchan_probe_write:
        lock orb $0, (%rdi)
        xorl    %eax, %eax
        ret
        .size barchan_probe_write, . - barchan_probe_write

barchan_uaccess_end:

        .type barchan_uaccess_fault, @function
        .p2align 4
barchan_uaccess_fault:
        movq    $-EFAULT, %rax
        ret
        .size barchan_uaccess_fault, . - barchan_uaccess_fault

        .section .note.GNU-stack, "", @progbits
