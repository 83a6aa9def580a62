#!/bin/sh
# All stages under valgrind: no invalid access, no uninitialised value, nothing lost.  Built for
# x86-64-v3, since valgrind knows no AVX-512.
set -eu
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || {
    echo "valgrind.sh: SKIP: valgrind is not installed" >&2
    exit 0
}
make -s MARCH=x86-64-v3
export OMP_WAIT_POLICY=passive # nor may the program start itself anew
check() {
    echo "valgrind $*"
    valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite \
        "$@" </dev/null >/dev/null
}
model=tests/models/shards
check stage01/run
check stage01/run -m $model --tensor wte.weight
check stage01/run --header
check stage02/run "It's a test: 1234, naïve café!"
check stage02/run --decode 300,301,302
check stage03/run -t 1 "The king"
check stage03/run -t 1 -m $model --ids 1,2,3 --dump build/valgrind.safetensors
check stage04/run -t 1 "The king went" --svg build/valgrind.svg
check stage05/run -t 1 -m $model --layer 1 --ids 1,2,3
check stage06/run -t 1 -m $model --ids 1,2,3 --profile build/valgrind.json
check stage06/run -t 1 --perplexity LICENSE
for sampler in gumbel sort pivot; do
    check stage07/run -t 1 -n 5 --sampler $sampler --top-k 20 --top-p 0.9 --min-p 0.01 \
        --presence-penalty 1 --no-repeat-ngram 2 --stop zzz --samples 2 "Once upon a time"
done
check stage07/run -t 1 -m tests/models/chunk33 --ids 1,2,3 -n 40 --json
rm -f build/valgrind.*
make -s
