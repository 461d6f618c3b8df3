#include "monitor/start.h"

// Called by host/start_x86_64.S on the kernel's initial stack, after relocation.
extern "C" [[noreturn]] void barchan_main(barchan::u64* stack) { barchan::start(stack); }
