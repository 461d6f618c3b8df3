# The product's build of the two freestanding programs; called by binding.gyp with
# OUT (where the programs go) and B (where objects go).
# Sources and flags of the monitor are those of dev.mk; warnings of newer compilers are not fatal here.
include native/dev.mk
FLAGS += -Wno-error

SUPERVISOR_SRC := $(wildcard native/supervisor/*.cc) native/host/string.cc
SUPERVISOR_OBJ := $(patsubst %,$(B)/%.o,$(SUPERVISOR_SRC))
LINK := -static-pie -nostdlib -nostartfiles -Wl,-z,relro,-z,now,-z,noexecstack,--no-dynamic-linker,--build-id=none

.DEFAULT_GOAL := product
.PHONY: product
product: $(OUT)/barchan-monitor $(OUT)/barchan-supervisor

# Programs that run are replaced, not written into (ETXTBSY).
$(OUT)/barchan-monitor: $(B)/barchan-monitor
	cp $< $@.new && mv -f $@.new $@

$(OUT)/barchan-supervisor: $(SUPERVISOR_OBJ)
	$(CXX) $(LINK) -o $@.new $^ && mv -f $@.new $@

-include $(SUPERVISOR_OBJ:.o=.d)
