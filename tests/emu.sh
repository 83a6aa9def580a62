#!/bin/sh
# Are the emulated kernels right?  Runs every stage from 03 on for the CPU and for the emulator, on
# small models, and compares: texts must be equal, token for token.
set -eu
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=passive
for device in cpu emu; do
    make -s all DEVICE=$device
    mkdir -p build/compare/$device
    for stage in 03 04 05 06 07 08 09 10; do
        cp stage$stage/run build/compare/$device/run$stage
    done
done

failed=0
kernels= # for the emulator alone
# same STAGE OPTION...
same() {
    program=run$1
    shift
    build/compare/cpu/"$program" --json "$@" >build/compare/cpu.out
    # shellcheck disable=SC2086
    build/compare/emu/"$program" --json $kernels "$@" >build/compare/emu.out
    for device in cpu emu; do # times differ, and the last digits of scores
        sed -i -E 's/"(ttft_ms|prefill_tok_s|decode_tok_s|score|log_prob)": [^,}]*//g' build/compare/$device.out
    done
    if ! cmp -s build/compare/cpu.out build/compare/emu.out; then
        echo "$program $kernels $*: the emulated text is another one"
        failed=1
    fi
}

small=tests/models
for stage in 07 08 09 10; do
    for model in tiny heads12 odd; do
        same $stage -m $small/$model -n 12 --ids 1,2,3 --temperature 0
        same $stage -m $small/$model -n 12 --ids 1,2,3 --seed 1 --top-k 20 --top-p 0.8 --min-p 0.02
        same $stage -m $small/$model -n 12 --ids 1,2,3 --seed 2 --temperature 0.7 \
            --repetition-penalty 1.3 --frequency-penalty 0.2 --no-repeat-ngram 2
    done
    same $stage -m $small/heads64 -n 12 --ids 1,2,3 --sampler sort --top-p 0.9
    same $stage -m $small/heads64 -n 12 --ids 1,2,3 --sampler pivot --top-k 7
    for kernels in "" "--kernel attention=naive --kernel matmul=naive" "--kernel attention=fused"; do
        same $stage -m $small/head80 -n 12 --ids 1,2,3
    done
    kernels=
done
long=$(printf "1,2,3,4,5,6,7,8,9,10,%.0s" 1 2 3 4 5 6 7) # more than 64 rows
same 07 -m $small/tiny -n 3 --ids "${long}0" --invariant
for stage in 08 09 10; do
    kernels="--graph off" # recorded passes: all the others
    same $stage -m $small/heads12 -n 12 --ids 1,2,3
    kernels=
    same $stage -m $small/tiny -n 5 --ids 1,2,3,4 --prefill-chunk 1
    for overflow in crop half ring shift sinks; do
        same $stage -m $small/chunk33 -n 45 --ids 1,2,3 --overflow $overflow --kv-dtype bf16
    done
done
for stage in 09 10; do
    same $stage -m $small/heads12 -n 10 --ids 1,2,3 --samples 3 --batch 2 --cache paged --pages 4
    same $stage -m $small/heads12 -n 10 --ids 1,2,3 --beams 3
done
for draft in ngram layers:1 $small/heads12; do
    for accept in coupled rejection; do
        same 10 -m $small/heads12 -n 20 --ids 1,2,3 --draft "$draft" --accept $accept
        same 10 -m $small/heads12 -n 8 --ids 1,2,3 --draft "$draft" --accept $accept --samples 3 --overlap
    done
done
for stage in 03 04 05 06; do # numbers: as the page shows them, with few digits
    for device in cpu emu; do
        build/compare/$device/run"$stage" -m $small/heads12 --ids 1,2,3 |
            grep -v "fused = naive" >build/compare/$device.out
    done
    if ! cmp -s build/compare/cpu.out build/compare/emu.out; then
        echo "stage$stage: the emulated exhibit differs"
        diff build/compare/cpu.out build/compare/emu.out | head -6
        failed=1
    fi
done
[ $failed = 0 ] && echo "the emulator gives what the CPU gives"
exit $failed
