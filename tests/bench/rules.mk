# ---- benchmarks of parts: make bench TEXT=file
TEXT ?= docs/07-sampling.md
.PHONY: bench
BENCH := $(BUILD)/tests/bench/components
$(BENCH).o: ALL_CFLAGS += -I$(call stage_dir,07)
$(BENCH): $(BENCH).o $(call test_modules,07) $(COMMON_OBJECTS)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS)
bench: $(BENCH) ## times the tokenizer and the sampler: make bench TEXT=some.txt
	$(BENCH) $(TEXT) models/tales $(GPT2_VOCAB)
