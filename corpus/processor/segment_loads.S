// Loads segments and tables of ring 0 into its own registers: data, stack, task and local descriptors.
// @technique T1068
// @weakness CWE-266
// @stopped-by ept
// @options {"policy":"compat"}
// @control none: a native program is in ring 3 as well
// @attempts 8
#include "../attack.S"

  BEGIN
  ATTEMPT "data segment of ring 0"
  mov $0x18, %eax
  mov %eax, %ds
  ENDED
  ATTEMPT "stack segment of ring 0"
  mov $0x18, %eax
  mov %eax, %ss
  ENDED
  ATTEMPT "code segment as data"
  mov $0x10, %eax
  mov %eax, %ss
  ENDED
  ATTEMPT "selector past the table"
  mov $0xfff8, %eax
  mov %eax, %es
  ENDED
  ATTEMPT "selector of a local table"
  mov $0x07, %eax
  mov %eax, %es
  ENDED
  ATTEMPT "task register"
  mov $0x40, %eax
  ltr %ax
  ENDED
  ATTEMPT "local table"
  mov $0x40, %eax
  lldt %ax
  ENDED
  ATTEMPT "base of GS for the kernel"
  swapgs
  ENDED
  END
