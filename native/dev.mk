# Quick build of the monitor while developing: make -f native/dev.mk  (the product's build is binding.gyp)
B := build/dev
CXX := g++
FLAGS := -std=c++20 -O2 -g -ffreestanding -fPIE -fno-exceptions -fno-rtti -fno-stack-protector -fno-asynchronous-unwind-tables \
  -fno-unwind-tables -fno-threadsafe-statics -fcf-protection=none -Wall -Wextra -Werror -Inative
SRC := $(shell find native/kvm native/guest native/monitor native/host -name '*.cc' -o -name '*.S')
OBJ := $(patsubst %,$(B)/%.o,$(SRC))
$(B)/barchan-monitor: $(OBJ)
	$(CXX) -static-pie -nostdlib -nostartfiles -Wl,-z,relro,-z,now,-z,noexecstack,--no-dynamic-linker,--build-id=none -o $@ $^
$(B)/%.o: %
	@mkdir -p $(dir $@)
	$(CXX) $(FLAGS) -MMD -MP -c -o $@ $<
-include $(OBJ:.o=.d)
