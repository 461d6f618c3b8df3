// Sets flags that only a kernel may: the right to ports, no interrupts, virtual 8086; then uses what they would allow.
// @technique T1068
// @weakness CWE-269
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: a native program is in ring 3 as well
// @attempts 7
#include "../attack.S"

  BEGIN
  ATTEMPT "ports by flags"
  pushfq
  orl $0x3000, (%rsp)
  popfq
  inb $0x60, %al
  ENDED
  ATTEMPT "no interrupts by flags"
  pushfq
  orl $0x3000, (%rsp)
  popfq
  cli
  ENDED
  ATTEMPT "interrupts on"
  sti
  ENDED
  ATTEMPT "string to a port"
  mov $0x80, %edx
  lea attempt_name(%rip), %rsi
  outsb
  ENDED
  ATTEMPT "string from a port"
  mov $0x60, %edx
  lea attempt_name(%rip), %rdi
  insb
  ENDED
  ATTEMPT "halt with flags"
  pushfq
  orl $0x3000, (%rsp)
  popfq
  hlt
  ENDED
  ATTEMPT "task switch flag"
  clts
  ENDED
  END
