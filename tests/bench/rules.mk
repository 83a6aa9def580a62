# ---- benchmarks of parts: make bench TEXT=file
TEXT ?= docs/07-sampling.md
.PHONY: bench
BENCH := $(BUILD)/tests/bench/components
$(BENCH).o: ALL_CFLAGS += -I$(call stage_dir,07)
$(BENCH): $(BENCH).o $(call test_modules,07) $(COMMON_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)
bench: $(BENCH) ## times the tokenizer and the sampler: make bench TEXT=some.txt
	$(BENCH) $(TEXT) models/tales $(GPT2_VOCAB)

# ---- the matrix product by itself (DEVICE=cpu): its rungs, and each type of weights
.PHONY: bench-matmul
BENCH_MATMUL := $(BUILD)/tests/bench/rungs $(BUILD)/tests/bench/matmul
$(BENCH_MATMUL): %: %.o $(COMMON_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)
ifeq ($(DEVICE),cpu)
built: $(BENCH_MATMUL) # so that they keep compiling
endif
bench-matmul: $(BENCH_MATMUL) ## times the rungs of docs/matmul.md, and each type of weights
	for b in $^; do env -u OMP_WAIT_POLICY $$b || exit 1; done
