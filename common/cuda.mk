# DEVICE=cuda: kernels by nvcc; C by the C compiler, without OpenMP: one thread launches.
CUDA ?= $(patsubst %/bin/nvcc,%,$(shell command -v nvcc))
CUDA_ARCH ?= $(if $(wildcard /dev/nvidia0),native,sm_80)
OMP :=
HOST_TESTS := tests/test_01_% tests/test_02_% # no device code
ALL_CFLAGS += -I$(CUDA)/include -Wno-unknown-pragmas
# -fmad=false: a fused multiply-add stands where it is written, as on the CPU.
NVCCFLAGS = -std=c++17 -O3 -lineinfo -arch=$(CUDA_ARCH) -fmad=false -Werror all-warnings -Icommon
LIBS += -L$(CUDA)/lib64 -Wl,-rpath,$(CUDA)/lib64 -lcublas -lcudart -lstdc++ -lgomp

$(BUILD)/%.o: %.cu Makefile common/cuda.mk
	@mkdir -p $(@D)
	$(call say,nvcc $<)
	$(Q)nvcc $(NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
