# DEVICE=cuda: kernels by nvcc; C by the C compiler, without OpenMP: one thread launches.
# CUDA_ARCH: native (this machine's GPU), or a list as in 80,90; the last one's PTX goes in, too, for newer GPUs.
CUDA ?= $(patsubst %/bin/nvcc,%,$(shell command -v nvcc))
CUDA_ARCH ?= $(if $(wildcard /dev/nvidia0),native,80$(comma)90)
BUILD := $(BUILD)-$(subst $(comma),-,$(CUDA_ARCH))
architectures := $(subst $(comma), ,$(CUDA_ARCH))
newest := $(lastword $(architectures))
ifeq ($(CUDA_ARCH),native)
GENCODE := -arch=native
else
GENCODE := $(foreach a,$(architectures),-gencode arch=compute_$(a)$(comma)code=sm_$(a)) \
  -gencode arch=compute_$(newest),code=compute_$(newest)
endif
OMP :=
# They have no device code.
HOST_TESTS := $(addprefix tests/test_,01_% 02_% common_attend.c common_bench.c common_random.c common_vec.c)
PYTESTS ?= test_program_[01][03-9]*.py
ALL_CFLAGS += -I$(CUDA)/include -Wno-unknown-pragmas
# The assembler's warnings are errors: registers that spill to memory, and double precision, which is slow
# on most GPUs, but in DOUBLES: sums of many probabilities there decide which token it is.
DOUBLES := %/sampling.cu %/accept.cu
PTXAS = -v,-warn-spills,-Werror$(if $(filter $(DOUBLES),$<),,$(comma)-warn-double-usage)
# -fmad=false: a fused multiply-add stands where it is written, as on the CPU.
NVCCFLAGS = -std=c++17 -O3 -lineinfo $(GENCODE) -fmad=false -Werror all-warnings -Xptxas $(PTXAS) -Icommon
LIBS += -L$(CUDA)/lib64 -Wl,-rpath,$(CUDA)/lib64 -lcublas -lcudart -lstdc++ -lgomp

# What the assembler says of each kernel goes to a file beside the object.
$(BUILD)/%.o: %.cu Makefile common/cuda.mk
	@mkdir -p $(@D)
	$(call say,nvcc $<)
	$(Q)nvcc $(NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $< 2>$(@:.o=.ptxas) || \
	  { grep -v '^ptxas info\|^    [0-9]' $(@:.o=.ptxas) >&2; exit 1; }

KERNELS := $(wildcard stage*/*.cu common/*.cu)
.PHONY: kernels
kernels: $(KERNELS:%.cu=$(BUILD)/%.o) ## build/kernels.txt: registers, shared memory and spills of each kernel
	@$(PYTHON) tests/kernels.py $(BUILD) $(KERNELS) >build/kernels.txt
	@cat build/kernels.txt
