# Quick build of the monitor while developing: make -f native/dev.mk  (the product's build is binding.gyp)
B := build/dev
CXX := g++
FLAGS := -std=c++20 -O2 -g -ffreestanding -fPIE -fno-exceptions -fno-rtti -fno-stack-protector -fno-asynchronous-unwind-tables \
  -fno-unwind-tables -fno-threadsafe-statics -fcf-protection=none -ffunction-sections -fdata-sections -Wall -Wextra -Werror -Inative
# What runs for each call, fault and switch; the rest is to be small, as each exec reads it anew.
HOT := $(wildcard native/host/*.cc native/kvm/vcpu.cc native/monitor/run.cc native/monitor/entry.cc native/monitor/dispatch.cc \
  native/monitor/check.cc native/monitor/exception.cc native/monitor/policy.cc native/monitor/fds.cc native/monitor/ring/*.cc \
  native/monitor/mm/*.cc native/monitor/signal/*.cc)
SRC := $(shell find native/kvm native/guest native/monitor native/host -name '*.cc' -o -name '*.S')
OBJ := $(patsubst %,$(B)/%.o,$(SRC))
$(B)/barchan-monitor: $(OBJ)
	$(CXX) -static-pie -nostdlib -nostartfiles -Wl,-z,relro,-z,now,-z,noexecstack,--no-dynamic-linker,--build-id=none,--gc-sections -o $@ $^
$(B)/%.o: %
	@mkdir -p $(dir $@)
	$(CXX) $(FLAGS) $(if $(filter $<,$(HOT)),,-Os) -MMD -MP -c -o $@ $<
-include $(OBJ:.o=.d)
