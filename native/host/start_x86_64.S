// Purpose: first instructions of each freestanding program: make the static PIE's pointers right, then barchan_main(stack).
// Owner:   host. Runs once, single-threaded, before any relocated data may be used.
// Trust:   the stack is the kernel's (argc, argv, envp, auxv; System V ABI for x86-64, 3.4.1).
//
// The dynamic section is found relative to RIP, so nothing here reads data that is not yet relocated. Only
// R_X86_64_RELATIVE can occur in a static PIE without undefined weak symbols or IFUNCs; anything else stops
// the process with an invalid-opcode trap.

#define DT_RELA 7
#define DT_RELASZ 8
#define R_X86_64_RELATIVE 8
#define RELA_SIZE 24

        .section .text.start, "ax", @progbits
        .globl _start
        .type _start, @function
        .hidden _DYNAMIC
        .hidden __ehdr_start
_start:
        xorl    %ebp, %ebp              // end of the frame chain
        movq    %rsp, %rdi              // argument of barchan_main
        leaq    __ehdr_start(%rip), %rax // load address: the image is linked at 0
        leaq    _DYNAMIC(%rip), %rdx
        xorl    %esi, %esi              // DT_RELA
        xorl    %ecx, %ecx              // DT_RELASZ
.Lnext_tag:
        movq    (%rdx), %r8
        movq    8(%rdx), %r9
        addq    $16, %rdx
        testq   %r8, %r8
        jz      .Ltags_done
        cmpq    $DT_RELA, %r8
        cmoveq  %r9, %rsi
        cmpq    $DT_RELASZ, %r8
        cmoveq  %r9, %rcx
        jmp     .Lnext_tag
.Ltags_done:
        addq    %rax, %rsi
        addq    %rsi, %rcx              // end of the table
.Lnext_relocation:
        cmpq    %rcx, %rsi
        jae     .Lrelocated
        movq    (%rsi), %r8             // r_offset
        cmpl    $R_X86_64_RELATIVE, 8(%rsi)
        jne     .Lunknown_relocation
        movq    16(%rsi), %r9           // r_addend
        addq    %rax, %r9
        movq    %r9, (%rax,%r8)
        addq    $RELA_SIZE, %rsi
        jmp     .Lnext_relocation
.Lrelocated:
        andq    $-16, %rsp
        call    barchan_main
.Lunknown_relocation:
        ud2
        .size _start, . - _start

        .section .note.GNU-stack, "", @progbits
