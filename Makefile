# make help lists the targets.  DEVICE=cpu|emu|cuda chooses what it is built for (default: cuda where
# there is nvcc and a GPU), MARCH= the processor (-march), SAN=address,undefined the sanitizers, CC the compiler.
DEVICE ?= $(if $(and $(shell command -v nvcc),$(wildcard /dev/nvidia0)),cuda,cpu)
MARCH ?= native
SAN ?=
CC ?= cc
PYTHON ?= python3
V ?=
Q := $(if $(V),,@) # make V=1 shows the commands
say = $(if $(V),,@echo "  $(1)")

STAGES := $(sort $(wildcard stage[0-9][0-9]_*))
NUMBERS := $(patsubst stage%,%,$(foreach s,$(STAGES),$(firstword $(subst _, ,$(s)))))
LAST := $(lastword $(NUMBERS))
stage_dir = $(filter stage$(1)_%,$(STAGES))
comma := ,

ifeq ($(filter $(DEVICE),cpu emu cuda),)
$(error DEVICE=$(DEVICE): give cpu, emu or cuda)
endif

# -ffp-contract=off: a fused multiply-add stands where it is written, so that results are the same
# whatever the compiler fuses.  The other two -fno keep results as they are and let loops be
# vectorised: nobody reads errno or floating-point traps.
MARCHFLAG := $(if $(MARCH),-march=$(MARCH))
# Asked when it is first used, not before: `make deps` may have to install the compiler.
WIDE = $(eval WIDE := $(shell echo 'int x;' | $(CC) -mprefer-vector-width=512 $(MARCHFLAG) \
          -x c -c -o /dev/null - 2>/dev/null && echo -mprefer-vector-width=512))$(WIDE)
OMP := -fopenmp
WARN := -Wall -Wextra -Wshadow -Werror
FLOAT := -ffp-contract=off -fno-math-errno -fno-trapping-math
CFLAGS ?= -O3 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(CFLAGS) $(MARCHFLAG) $(WIDE) $(FLOAT) $(OMP) $(WARN)
LIBS := -lutf8proc -lm
CRITERION := -lcriterion
ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
BUILD := build/$(DEVICE)-$(notdir $(CC))-$(MARCH)$(if $(SAN),-$(subst $(comma),-,$(SAN)))

objects = $(patsubst %.c,$(BUILD)/%.o,$(patsubst %.cu,%.c,$(1)))
ifeq ($(DEVICE),cpu)
COMMON := $(filter-out %_cuda.c,$(wildcard common/*.c))
else
COMMON := $(filter-out %_cpu.c,$(wildcard common/*.c)) common/matmul.cu
include common/$(DEVICE).mk # says how a .cu becomes an object
endif
stage_sources = $(wildcard $(call stage_dir,$(1))/*.c)
COMMON_OBJECTS := $(call objects,$(COMMON))

.PHONY: all help
all: $(addprefix stage,$(NUMBERS)) ## every stage

help: ## this text
	@echo "Targets (variables: DEVICE MARCH SAN CC; see the Makefile's first lines):"
	@sed -n 's/^\([a-zA-Z%.-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
	  awk -F'\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'

# ---- programs: make stage04 builds stage04/run
define stage_rules
.PHONY: stage$(1)
stage$(1): $(BUILD)/$(call stage_dir,$(1))/run
	@mkdir -p stage$(1)
	@cp -f $$< stage$(1)/run
$(BUILD)/$(call stage_dir,$(1))/run: $(call objects,$(call stage_sources,$(1))) $(COMMON_OBJECTS)
	$(Q)$$(CC) $$(ALL_CFLAGS) -o $$@ $$^ $(LIBS)
endef
$(foreach n,$(NUMBERS),$(eval $(call stage_rules,$(n))))

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,cc $<)
	$(Q)$(CC) $(ALL_CFLAGS) -Icommon -MMD -MP -c -o $@ $<

.PHONY: stageNN demo
stageNN: ## one stage (make stage04), run with ./stage04/run
	@echo "give a number, as in: make stage04 && ./stage04/run"

demo: stage$(LAST) ## builds the last stage and lets it tell a tale
	./stage$(LAST)/run --temperature 0.8 --top-k 40 -n 200 "Once upon a time"

# ---- tests: tests/test_04_attention.c is linked with the modules of stage 04 and of every later
# stage, the exceptions of tests/exceptions.txt apart
# A busy neighbour must not cost a factor of 50.
export OMP_WAIT_POLICY ?= passive
export DEVICE
JOBS ?= 1
TESTS := $(filter-out $(HOST_TESTS),$(sort $(wildcard tests/test_[0-9][0-9]_*.c)))
TEST_SUPPORT := $(wildcard tests/support/*.c)
test_number = $(word 2,$(subst _, ,$(notdir $(1))))
later = $(foreach n,$(NUMBERS),$(if $(shell [ $(n) -ge $(1) ] && echo y),$(n)))
EXCEPTIONS := $(shell sed -n 's/^\([0-9][0-9]_[a-z_]*\) \([0-9][0-9]\) .*/test_\1@\2/p' tests/exceptions.txt 2>/dev/null)
test_pairs := $(foreach t,$(TESTS),$(foreach n,$(call later,$(call test_number,$(t))),\
  $(filter-out $(EXCEPTIONS),$(basename $(notdir $(t)))@$(n))))
test_modules = $(filter-out %/run.o %/show.o,$(call objects,$(call stage_sources,$(1))))

define test_rules
$(BUILD)/tests/$(1)@$(2).o: tests/$(1).c Makefile
	@mkdir -p $$(@D)
	$(call say,cc tests/$(1).c for stage $(2))
	$(Q)$$(CC) $$(ALL_CFLAGS) -Icommon -Itests/support -I$(call stage_dir,$(2)) \
	  -DTEST_ROOT='"$(CURDIR)"' -MMD -MP -c -o $$@ $$<
$(BUILD)/tests/$(1)@$(2): $(BUILD)/tests/$(1)@$(2).o $(call objects,$(TEST_SUPPORT)) \
    $(call test_modules,$(2)) $(COMMON_OBJECTS)
	$(Q)$$(CC) $$(ALL_CFLAGS) -o $$@ $$^ $(CRITERION) $(LIBS)
endef
$(foreach p,$(test_pairs),$(eval $(call test_rules,$(word 1,$(subst @, ,$(p))),$(word 2,$(subst @, ,$(p))))))
TEST_PROGRAMS := $(addprefix $(BUILD)/tests/,$(test_pairs))
# tests/test_common_*.c is linked with common alone
COMMON_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out $(HOST_TESTS),$(wildcard tests/test_common_*.c)))
$(COMMON_TESTS): %: %.o $(COMMON_OBJECTS)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(CRITERION) $(LIBS)
run_tests = @failed=; for t in $(1); do echo "== $${t\#\#*/}"; \
  ASAN_OPTIONS=detect_leaks=0 $$t -j$(JOBS) $(if $(V),--verbose) || failed="$$failed $${t\#\#*/}"; done; \
  if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi

.PHONY: test test-c test-common test-py testNN
test: test-c test-py ## all tests
	@echo "all tests passed ($(DEVICE), $(MARCH)$(if $(SAN), $(SAN)))"

.PHONY: built
built: all $(COMMON_TESTS) $(TEST_PROGRAMS) ## programs and tests, not run (make -j2 built)

test-c: $(COMMON_TESTS) $(TEST_PROGRAMS) ## the tests of modules (Criterion)
	$(call run_tests,$(COMMON_TESTS) $(TEST_PROGRAMS))

PYTESTS ?= test_*.py
test-common: $(COMMON_TESTS) ## the tests of common's modules alone
	$(call run_tests,$^)

test-py: all ## the tests of programs and checkers
	$(PYTHON) -m unittest discover -s tests -p '$(PYTESTS)' $(PYONLY) $(if $(V),-v)

testNN: ## the tests of one stage's modules (make test04)
	@echo "give a number, as in: make test04"

define test_stage_rules
.PHONY: test$(1)
test$(1): $(filter %@$(1),$(TEST_PROGRAMS))
	$$(call run_tests,$(filter %@$(1),$(TEST_PROGRAMS)))
endef
$(foreach n,$(NUMBERS),$(eval $(call test_stage_rules,$(n))))

include tests/bench/rules.mk tests/exercises/rules.mk

# ---- checks
.PHONY: check check-stages check-diffs check-format forward diffNN diffs format
check: check-stages check-diffs check-docs check-format ## stages, diffs, docs, format

check-stages: ## copies are identical, diffs within their budget
	@$(PYTHON) tests/check_stages.py

check-diffs: ## docs/diffs is up to date
	@$(PYTHON) tests/diff_stage.py --check

check-format: ## clang-format and white space
	@$(PYTHON) tests/check_format.py

format: ## lays all C code out
	@$(PYTHON) tests/check_format.py --fix

diffs: ## writes docs/diffs
	@$(PYTHON) tests/diff_stage.py --write

forward: ## carries a fix of an early stage on: make forward FILE=stage04_attention/ops.c
	@$(PYTHON) tests/forward.py $(FILE)

diffNN: ## the lesson of one stage as a diff (make diff05)
	@echo "give a number, as in: make diff05"
diff%:
	@$(PYTHON) tests/diff_stage.py $*

# ---- models
.PHONY: venv train reference
venv: .venv/done ## Python with PyTorch, only to train and to make references
.venv/done: models/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q -r $<
	@touch $@

train: venv ## the default model and its draft, anew (hours)
	.venv/bin/python models/train.py

reference: venv ## tests/reference, anew
	.venv/bin/python tests/reference/make_reference.py all

.PHONY: models/random models/quantize
models/random models/quantize: %: $(BUILD)/%.o $(call objects,models/directory.c $(patsubst \
    %,stage05_block/%.c,config floats json params safetensors weights)) $(COMMON_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)

# ---- the machine
.PHONY: deps clean
deps: ## installs what is missing (apt, or brew)
	@sh tests/deps.sh

clean: ## removes what was built
	rm -rf build $(addprefix stage,$(NUMBERS)) models/random models/quantize

-include $(shell find build -name '*.d' 2>/dev/null)
