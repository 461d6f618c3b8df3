# The product's build of the freestanding programs; called by binding.gyp with
# OUT (where the programs go) and B (where objects go).
# Sources and flags of the monitor are those of dev.mk; warnings of newer compilers are not fatal here.
include native/dev.mk
FLAGS += -Wno-error

# What keeper, supervisor, files and network share.
SANDBOX_SRC := $(filter-out native/sandbox/keeper.cc,$(wildcard native/sandbox/*.cc)) native/host/string.cc native/host/start_x86_64.S
SUPERVISOR_SRC := $(wildcard native/supervisor/*.cc) $(SANDBOX_SRC)
SUPERVISOR_OBJ := $(patsubst %,$(B)/%.o,$(SUPERVISOR_SRC))
KEEPER_SRC := native/sandbox/keeper.cc $(SANDBOX_SRC)
KEEPER_OBJ := $(patsubst %,$(B)/%.o,$(KEEPER_SRC))
FILES_SRC := $(wildcard native/files/*.cc) $(SANDBOX_SRC)
FILES_OBJ := $(patsubst %,$(B)/%.o,$(FILES_SRC))
NETWORK_SRC := $(wildcard native/network/*.cc) $(SANDBOX_SRC)
NETWORK_OBJ := $(patsubst %,$(B)/%.o,$(NETWORK_SRC))
# The OCI runtime's front asks the monitor's tables which host calls a container's profile can cause.
RUNTIME_SRC := $(wildcard native/runtime/*.cc) native/monitor/policy.cc native/monitor/host_calls.cc native/monitor/table.cc \
  native/host/string.cc native/host/start_x86_64.S
RUNTIME_OBJ := $(patsubst %,$(B)/%.o,$(RUNTIME_SRC))
LINK := -static-pie -nostdlib -nostartfiles -Wl,-z,relro,-z,now,-z,noexecstack,--no-dynamic-linker,--build-id=none,--gc-sections

.DEFAULT_GOAL := product
.PHONY: product
product: $(OUT)/barchan-monitor $(OUT)/barchan-supervisor $(OUT)/barchan-keeper $(OUT)/barchan-files \
  $(OUT)/barchan-network $(OUT)/barchan-runtime

# Programs that run are replaced, not written into (ETXTBSY).
$(OUT)/barchan-monitor: $(B)/barchan-monitor
	cp $< $@.new && mv -f $@.new $@

$(OUT)/barchan-supervisor: $(SUPERVISOR_OBJ)
	$(CXX) $(LINK) -o $@.new $^ && mv -f $@.new $@

$(OUT)/barchan-keeper: $(KEEPER_OBJ)
	$(CXX) $(LINK) -o $@.new $^ && mv -f $@.new $@

$(OUT)/barchan-files: $(FILES_OBJ)
	$(CXX) $(LINK) -o $@.new $^ && mv -f $@.new $@

$(OUT)/barchan-network: $(NETWORK_OBJ)
	$(CXX) $(LINK) -o $@.new $^ && mv -f $@.new $@

$(OUT)/barchan-runtime: $(RUNTIME_OBJ)
	$(CXX) $(LINK) -o $@.new $^ && mv -f $@.new $@

-include $(SUPERVISOR_OBJ:.o=.d) $(KEEPER_OBJ:.o=.d) $(FILES_OBJ:.o=.d) $(NETWORK_OBJ:.o=.d) $(RUNTIME_OBJ:.o=.d)
