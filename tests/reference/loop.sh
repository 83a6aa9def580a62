#!/bin/sh
# Five tokens by a loop around stage 06: what stage 07 does in one process.
t="Once upon a time"
for i in 1 2 3 4 5; do
    answer=$(./stage06/run --dtype f32 --json --top 1 "$t")
    t="$t$(echo "$answer" | sed 's/.*"token": "\(.*\)", "logit.*/\1/')"
done
echo "$t"
