#!/bin/sh
# At f32 the same bits on every x86-64 machine, whatever its vectors and the compiler's: builds
# stages 06 and 07 for several processors and compares logits and a sampled text.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
model=tests/models/shards
for march in native x86-64-v3 x86-64; do
    make -s MARCH=$march stage06 stage07
    ./stage06/run -q --dtype f32 -m $model --ids 5,6,7,8,9,10,11 --dump "$dir/$march" >"$dir/out"
    ./stage07/run -q --dtype f32 --seed 5 -n 60 "Once upon a time" >>"$dir/$march"
    cmp "$dir/native" "$dir/$march" || {
        echo "same_bits.sh: built for $march, stages 06 and 07 give other results" >&2
        exit 1
    }
    echo "$march: $(cksum <"$dir/$march")"
done
