// Jumps, calls and returns to segments of ring 0, and by gates that nobody made.
// @technique T1068
// @weakness CWE-691
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: a native program is in ring 3 as well
// @attempts 8
#include "../attack.S"

.data
far_target:
  .long far_place
  .word 0x10
.text
far_place:
  xor %edi, %edi
  call _exit

  BEGIN
  ATTEMPT "far jump to ring 0"
  lea far_target(%rip), %rax
  ljmp *(%rax)
  ENDED
  ATTEMPT "far call to ring 0"
  lea far_target(%rip), %rax
  lcall *(%rax)
  ENDED
  ATTEMPT "far return to ring 0"
  push $0x10
  lea far_place(%rip), %rax
  push %rax
  lretq
  ENDED
  ATTEMPT "interrupt return to ring 0"
  mov %rsp, %rcx
  push $0x18
  push %rcx
  push $2
  push $0x10
  lea far_place(%rip), %rax
  push %rax
  iretq
  ENDED
  ATTEMPT "system return"
  lea far_place(%rip), %rcx
  mov $2, %r11d
  sysretq
  ENDED
  ATTEMPT "interrupt gate of a fault"
  int $0x0e
  ENDED
  ATTEMPT "interrupt gate of a double fault"
  int $0x08
  ENDED
  ATTEMPT "interrupt gate of nobody"
  int $0xf3
  ENDED
  END
