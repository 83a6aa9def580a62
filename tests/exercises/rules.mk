# ---- the book
.PHONY: check-docs check-docs-run check-run check-answers figures exercise
check-docs: ## links, figures, exercises, and the code that the docs quote
	@$(PYTHON) tests/check_docs.py
	@$(PYTHON) docs/figures/make.py --check

check-docs-run: all ## the commands in the docs print what the docs say
	@$(PYTHON) tests/run_docs.py

check-run: check-docs-run

check-answers: ## each answer in docs/answers solves its exercise
	@$(PYTHON) tests/exercise.py --answers

figures: ## writes docs/figures
	@$(PYTHON) docs/figures/make.py

exercise: ## tests your solution: make exercise EX=01a (no EX: lists all)
	@$(PYTHON) tests/exercise.py $(EX)

# tests/exercises/04b_name.c is linked with the modules of stage 04
define exercise_rules
$(BUILD)/tests/exercises/$(2).o: ALL_CFLAGS += -I$(call stage_dir,$(1)) -Itests/support \
    -DTEST_ROOT='"$(CURDIR)"'
$(BUILD)/tests/exercises/$(2): $(BUILD)/tests/exercises/$(2).o $(call objects,$(TEST_SUPPORT)) \
    $(call test_modules,$(1)) $(COMMON_OBJECTS)
	$(Q)$$(CC) $$(ALL_CFLAGS) -o $$@ $$^ $(LIBS)
.PHONY: exercise-$(2)
exercise-$(2): $(BUILD)/tests/exercises/$(2)
	$(Q)$$<
endef
$(foreach t,$(basename $(notdir $(wildcard tests/exercises/*.c))),$(eval $(call \
    exercise_rules,$(shell printf %.2s $(t)),$(t))))
