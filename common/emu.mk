# DEVICE=emu: the same kernels by the C++ compiler, on an emulator in which each CUDA thread is a
# fiber (docs/emulator.md).  C without OpenMP: one thread launches.
CXX ?= c++
OMP :=
JOBS ?= $(shell nproc)
# They have no device code.
HOST_TESTS := $(addprefix tests/test_,01_% 02_% common_attend.c common_bench.c common_random.c common_vec.c)
PYTESTS ?= test_program_[01][03-9]*.py
# Of these the tests in which the device matters; options, files and words are the same code as on the CPU.
PYONLY ?= $(addprefix -k ,kernels dump reference not_numbers number_types models_without past_the_window \
  past_both ways_that prompt_beyond have_a_limit pages_that in_many_ways penalties no_ngram rejection \
  rounds_by_hand profile dry_run full_context interrupt)
ALL_CFLAGS += -Icommon/cuda_on_cpu -DDEVICE_NAME='"emu"' -Wno-unknown-pragmas
CUDA_FLAGS = $(filter-out -std=c11 -Wshadow,$(ALL_CFLAGS)) -std=c++17 -gdwarf-4 -fno-strict-aliasing \
  -fno-exceptions -fstack-clash-protection -DCUDA_ON_CPU -include cuda_cpu.h -Icommon
COMMON += $(wildcard common/cuda_on_cpu/*.c)
LIBS += -lstdc++ -lpthread -lgomp

$(BUILD)/%.o: %.cu Makefile common/emu.mk
	@mkdir -p $(@D)
	$(call say,c++ $<)
	$(Q){ echo '#line 1 "$<"'; sed -E -f common/cuda_on_cpu/cuda_cpu.sed $<; } > $(@:.o=.cu.cc)
	$(Q)$(CXX) $(CUDA_FLAGS) -I$(dir $<) -MMD -MP -c -o $@ $(@:.o=.cu.cc)

ifneq ($(findstring thread,$(SAN)),) # Criterion does not start there
CRITERION :=
ALL_CFLAGS += -Itests/plain
endif
ifneq ($(SAN),) # the emulator tells the sanitizer about its fibers; it is not watched itself
FIBERS := $(if $(findstring thread,$(SAN)),-DCU_TSAN)$(if $(findstring address,$(SAN)),-DCU_ASAN)
$(BUILD)/common/cuda_on_cpu/%.o: common/cuda_on_cpu/%.c Makefile common/emu.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) $(FIBERS) -Icommon -MMD -MP -c -o $@ $<
endif
