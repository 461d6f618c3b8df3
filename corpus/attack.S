// What attacks in assembly are written with: each attempt runs in a child, which has done it when it comes to ENDED, and was stopped
// when it is ended by a signal. See attack.h for the lines that are printed.
#define BEGIN .text; .globl main; main: push %rbx; push %r12

.macro ATTEMPT name
  .data
8:.asciz "\name"
  .text
  lea 8b(%rip), %rax
  mov %rax, attempt_name(%rip)
  call attempt_begin
  test %eax, %eax
  jnz 9f
.endm

// The child that comes here has done it.
#define ENDED xor %edi, %edi; call _exit; 9: call attempt_end

#define END xor %eax, %eax; pop %r12; pop %rbx; ret

.data
attempt_name:
  .quad 0
attempt_child:
  .long 0
attempt_status:
  .long 0
attempt_done:
  .asciz "done %s\n"
attempt_stopped:
  .asciz "stopped %s SIG%s\n"
attempt_control:
  .asciz "control %s fork\n"
.text

// The result of fork, in %eax.
attempt_begin:
  sub $8, %rsp
  xor %edi, %edi
  call fflush
  call fork
  mov %eax, attempt_child(%rip)
  add $8, %rsp
  ret

attempt_end:
  sub $8, %rsp
  mov attempt_child(%rip), %edi
  test %edi, %edi
  js 3f
  lea attempt_status(%rip), %rsi
  xor %edx, %edx
  call waitpid
  mov attempt_status(%rip), %edi
  mov attempt_name(%rip), %rsi
  and $0x7f, %edi
  jz 1f
  call sigabbrev_np
  mov %rax, %rdx
  mov attempt_name(%rip), %rsi
  lea attempt_stopped(%rip), %rdi
  jmp 2f
1:
  lea attempt_done(%rip), %rdi
  jmp 2f
3:
  mov attempt_name(%rip), %rsi
  lea attempt_control(%rip), %rdi
2:
  xor %eax, %eax
  call printf
  add $8, %rsp
  ret

.section .note.GNU-stack, "", @progbits
.text
