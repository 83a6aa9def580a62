#!/bin/sh
# What a machine with a GPU is asked for, in under nine minutes: the suite on DEVICE=cuda,
# compute-sanitizer where it is installed, and --bench of stages 08 to 10 on random models.  Each part
# has a time limit; if one fails, that is reported, and the next one begins.  Status 1 if any failed.
#
#     tests/gpu.sh                  # to build/gpu: summary.md, results.jsonl, kernels.txt, log.txt
#     OUT=/tmp/gpu tests/gpu.sh     # to another folder
#     DEVICE=emu tests/gpu.sh       # does the script itself work?  A little of all that, emulated
#
# MODELS="gpt2 gpt2-xl": names for models/random, or directories.  BUDGET=540: seconds in all.
set -u
cd "$(dirname "$0")/.." || exit 1
export DEVICE="${DEVICE:-cuda}" OUT="${OUT:-build/gpu}" OMP_WAIT_POLICY=passive
if [ "$DEVICE" = cuda ]; then
    modules='test_*' programs='test_program_*.py' new=64
    models=${MODELS:-gpt2 gpt2-medium gpt2-large gpt2-xl} budget=${BUDGET:-540}
else
    modules='test_*_kernels*' programs='test_program_03.py' new=4
    models=${MODELS:-tests/models/tiny tests/models/heads12} budget=${BUDGET:-1500}
fi
objects=build/objects-$DEVICE # the same folder, whatever the GPU is called
jobs=$(nproc)

# ---- the parts

facts() {
    uname -a
    nproc
    [ "$DEVICE" != cuda ] || {
        nvcc --version
        nvidia-smi
        nvidia-smi -q -d CLOCK,POWER,MEMORY,ECC
    }
}

make_it() {
    make -s -j"$jobs" DEVICE="$DEVICE" BUILD="$objects" "$@"
}

kernels() {
    make_it kernels && cp build/kernels.txt "$OUT"
}

# A Criterion program spends most of its time at a GPU's start: `jobs` of them at a time.
each() {
    # shellcheck disable=SC2016
    xargs -P "$jobs" -I{} timeout --foreground 120 sh -c '"$@" >"$0" 2>&1 || { cat "$0"; echo "$* failed"; exit 1; }' \
        "$OUT/tests/{}" "$@"
}

test_modules() {
    find "$objects/tests" -name "$modules" ! -name '*.o' ! -name '*.d' -exec basename {} \; |
        each "$objects/tests/{}" -j1 &&
        find "$OUT/tests" -name "$modules" | grep . # at least one
}

test_programs() {
    find tests -name "$programs" -exec basename {} \; |
        each python3 -m unittest discover -s tests -p {} &&
        find "$OUT/tests" -name "$programs" | grep .
}

# Small shapes: the tools make a kernel a hundred times slower.
sanitize() {
    small=tests/models
    set -- compute-sanitizer --tool "$1" --error-exitcode 9
    "$@" stage06/run -q -m $small/heads12 --ids 1,2,3 || exit
    "$@" stage08/run -n 6 --seed 1 --top-k 20 --top-p 0.8 --repetition-penalty 1.2 --no-repeat-ngram 2 Once || exit
    "$@" stage08/run -m $small/chunk33 --ids 1,2,3 -n 40 --overflow ring --kv-dtype bf16 || exit
    "$@" stage09/run -m $small/heads12 --ids 1,2,3 -n 10 --samples 3 --batch 2 --cache paged --pages 4 || exit
    "$@" stage10/run -m $small/heads12 --ids 1,2,3 -n 10 --draft layers:1 --accept rejection
}

# bench MODEL STAGE OPTION...: a line more in results.jsonl
bench() {
    model=$1 stage=$2
    shift 2
    stage"$stage"/run -m "$model" --ids 1,2,3,4,5,6,7,8 -n "$new" --ignore-eos --bench --json "$@" >"$OUT/line" || exit
    sed "s|^{|{\"stage\": \"$stage\", \"model\": \"$(basename "$model")\", \"options\": \"$*\", |" "$OUT/line" >>"$OUT/results.jsonl"
}

if [ "${1:-}" = --part ]; then # `timeout` starts programs, not functions
    shift
    "$@"
    exit
fi

# ---- all of them

began=$(date +%s)
failed=0

# part SECONDS NAME COMMAND...: at most so long; what it prints goes to log.txt.
part() {
    limit=$1 name=$2 from=$(date +%s)
    shift 2
    left=$((budget - from + began))
    [ "$limit" -le "$left" ] || limit=$left
    echo "==== $name" >>"$OUT/log.txt"
    if [ "$limit" -le 0 ]; then
        status="no time left"
    elif timeout -k 5 "$limit" tests/gpu.sh --part "$@" >>"$OUT/log.txt" 2>&1; then
        status=ok
    else
        status="FAILED ($?)"
        [ "$status" != "FAILED (124)" ] || status="stopped after $limit s"
    fi
    [ "$status" = ok ] || failed=$((failed + 1))
    printf '| %s | %s | %s s |\n' "$name" "$status" $(($(date +%s) - from)) | tee -a "$OUT/parts.md"
}

summary() {
    echo "# $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "DEVICE=$DEVICE, no GPU")"
    printf '\n%s, commit %s\n\n| part | result | time |\n|---|---|---|\n' \
        "$(date -u +%Y-%m-%d)" "$(git describe --always --dirty 2>/dev/null || echo unknown)"
    cat "$OUT/parts.md"
    printf '\n| model | stage, options | dtype | batch | first token | prefill | decode | p50, p99 | of floor |\n'
    printf '|---|---|---|---|---|---|---|---|---|\n'
    python3 -c '
import json, sys
number = lambda x: "-" if x is None else "%.4g" % x
for line in sys.stdin:
    r = json.loads(line)
    between = r.get("itl_ms") or {}
    print("|", " | ".join([
        r["model"], r["stage"] + " " + r["options"], str(r.get("dtype")), str(r.get("batch")),
        number(r.get("ttft_ms")) + " ms", number(r.get("prefill_tok_s")) + " tok/s", number(r.get("decode_tok_s")) + " tok/s",
        number(between.get("p50")) + ", " + number(between.get("p99")) + " ms", number(r.get("of_floor")),
    ]), "|")' <"$OUT/results.jsonl"
}

rm -rf "$OUT/tests"
mkdir -p "$OUT/tests" build/models || exit 1
rm -f "$OUT/log.txt" "$OUT/parts.md" "$OUT/results.jsonl"
touch "$OUT/results.jsonl"

part 10 facts facts
if [ "$DEVICE" = cuda ]; then
    part 120 "programs built" make_it all models/random
    part 60 "tests built" make_it test-c run_tests=@:
else
    part 600 "programs built" make_it all models/random
    part 300 "tests built" make_it "$objects/tests/test_05_kernels@05" "$objects/tests/test_10_kernels@10"
fi
part 120 "tests of modules" test_modules
part 100 "tests of programs" test_programs
if [ "$DEVICE" = cuda ]; then
    part 20 "table of kernels" kernels
    if command -v compute-sanitizer >/dev/null; then
        part 60 memcheck sanitize memcheck
        part 60 racecheck sanitize racecheck
    else
        echo "| compute-sanitizer | not installed | |" | tee -a "$OUT/parts.md"
    fi
fi
for model in $models; do
    if [ ! -d "$model" ]; then
        part 30 "writing $model" models/random --force "$model" "build/models/$model"
        model=build/models/$model
    fi
    part 20 "08 $model" bench "$model" 08
    part 20 "08 $model, no graph" bench "$model" 08 --graph off
    part 20 "09 $model" bench "$model" 09 --samples 32 --batch 32
    part 20 "10 $model" bench "$model" 10 --draft layers:1 --gamma 4
done
summary >"$OUT/summary.md"
rm -f "$OUT/line"
echo "$failed parts failed, $(($(date +%s) - began)) s; see $OUT/summary.md and $OUT/log.txt"
[ "$failed" = 0 ]
