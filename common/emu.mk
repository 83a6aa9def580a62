# DEVICE=emu: the same kernels by the C++ compiler, on an emulator in which each CUDA thread is a
# fiber (docs/emulator.md).  C without OpenMP: one thread launches.
CXX ?= c++
OMP :=
ALL_CFLAGS += -Icommon/cuda_on_cpu -DDEVICE_NAME='"emu"' -Wno-unknown-pragmas
CXXFLAGS_EMU = $(filter-out -std=c11 -Wshadow,$(ALL_CFLAGS)) -std=c++17 -DCUDA_ON_CPU -fno-strict-aliasing \
  -include cuda_cpu.h -Icommon
COMMON += $(wildcard common/cuda_on_cpu/*.c)
LIBS += -lstdc++ -lpthread -lgomp

$(BUILD)/%.o: %.cu Makefile common/emu.mk
	@mkdir -p $(@D)
	$(call say,c++ $<)
	$(Q){ echo '#line 1 "$<"'; sed -E -f common/cuda_on_cpu/cuda_cpu.sed $<; } > $(@:.o=.cc)
	$(Q)$(CXX) $(CXXFLAGS_EMU) -I$(dir $<) -MMD -MP -c -o $@ $(@:.o=.cc)
