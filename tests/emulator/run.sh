#!/bin/sh
# The emulator's own tests: kernels that are right run clean in every build, and each
# planted bug is found by the build that has to find it.  Prints a table; status 1 if
# anything was missed.  Needs gcc or clang; nvcc, and a compiler and qemu for aarch64, add
# to it where they are installed.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=build/emulator
flags="-O2 -g -gdwarf-4 -Wall -Wextra -Werror -ffp-contract=off -Icommon/cuda_on_cpu -Itests/emulator -Icommon"
cuda="-std=c++17 -fno-strict-aliasing -fno-exceptions -Wno-unknown-pragmas -DCUDA_ON_CPU -include cuda_cpu.h"
ub="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
good="tests/emulator/good.cu tests/emulator/good_tensor.cu tests/emulator/good.c tests/emulator/good_host.c"
bugs="tests/emulator/bugs.cu tests/emulator/bugs.c"
export ASAN_OPTIONS=detect_leaks=0 OMP_WAIT_POLICY=passive
missed=0
run= # a prefix: setarch for ThreadSanitizer, qemu for another processor

# row WHAT BUILD SETTINGS FOUND MESSAGE
row() {
    printf '%-26s %-10s %-14s %-6s %.90s\n' "$1" "$2" \
        "$(echo "$3" | sed 's/CUDA_CPU_//g; s/=\([01]\) /=\1,/')" "$4" "$5"
    [ "$4" != NO ] || missed=$((missed + 1))
}

# object CC CXX SANITIZER RUNTIME FILE: prints the object's name.  C files of the emulator
# get no sanitizer.
object() {
    case $5 in
    *.cu) { echo "#line 1 \"$5\"" && sed -E -f common/cuda_on_cpu/cuda_cpu.sed "$5"; } >"$dir/$(basename "$5").cc" &&
        eval "$2 $flags $cuda $clash $3 -c -o $dir/$(basename "$5").o $dir/$(basename "$5").cc" ;;
    common/*) eval "$1 -std=c11 -D_GNU_SOURCE $flags -Wshadow $4 -c -o $dir/$(basename "$5").o $5" ;;
    *) eval "$1 -std=c11 -D_GNU_SOURCE $flags -Wshadow $3 -c -o $dir/$(basename "$5").o $5" ;;
    esac || exit 1
    echo "$dir/$(basename "$5").o"
}

# build NAME CC CXX SANITIZER RUNTIME LINK: build/emulator/NAME/good, bugs, speed, fibers
build() {
    dir=$out/$1
    mkdir -p "$dir"
    # A large array of a thread must not jump over the end of its stack unseen.
    clash=-fstack-clash-protection
    echo | $3 -Werror $clash -x c++ -c -o "$dir/try.o" - 2>/dev/null || clash=
    runtime=
    for f in common/cuda_on_cpu/*.c; do
        runtime="$runtime $(object "$2" "$3" "$4" "$5" "$f")" || exit 1
    done
    for program in good bugs speed fibers; do
        case $program in
        good) files=$good ;;
        bugs) files=$bugs ;;
        speed) files=tests/emulator/speed.cu ;;
        *) files=tests/emulator/fibers_test.c ;;
        esac
        objects=
        for f in $files; do
            objects="$objects $(object "$2" "$3" "$4" "$5" "$f")" || exit 1
        done
        eval "$3 $4 $6 -o $dir/$program $objects $runtime -lm" || exit 1
    done
}

# right BUILD SETTINGS: good finds nothing to complain about
right() {
    # shellcheck disable=SC2086  # settings and prefix are lists of words
    if env $2 timeout 600 $run "$out/$1/good" >"$out/log" 2>&1; then
        row "(right kernels)" "$1" "$2" clean "$(tail -1 "$out/log")"
    else
        row "(right kernels)" "$1" "$2" NO "$(grep -aE 'FAILED|SUMMARY|cuda-on-cpu' "$out/log" | head -1)"
    fi
}

# What the report must name: the file and line that are marked BUG.
marked() {
    grep -nE "BUG $1\$" tests/emulator/bugs.cu tests/emulator/bugs.c | sed 's/^\([^:]*:[0-9]*\):.*/\1/'
}

# caught BUG BUILD SETTINGS PATTERN: does the run fail and print the pattern?
caught() {
    # shellcheck disable=SC2086
    if env $3 timeout 60 $run "$out/$2/bugs" "$1" >"$out/log" 2>&1; then
        return 1
    fi
    # A crash names an address; its line is one command away.
    line=$(sed -n 's/^    line: \(addr2line .*\)/\1/p' "$out/log")
    [ -z "$line" ] || $line >>"$out/log"
    grep -aqE "$4" "$out/log"
}

message() {
    grep -aE "$1|^SUMMARY" "$out/log" | grep -avE '^ +#|^ +line: ' |
        sed 's/^cuda-on-cpu: //; s/^SUMMARY: //; s/^ *//' | tail -1
}

# expect BUG BUILD SETTINGS [PATTERN]: by default the marked line
expect() {
    pattern=${4:-$(marked "$1")}
    if caught "$1" "$2" "$3" "$pattern"; then
        row "$1" "$2" "$3" yes "$(message "$pattern")"
    else
        row "$1" "$2" "$3" NO "wanted: $pattern"
    fi
}

# A wrong result, with at least one of the seeds.
expect_seeds() {
    found='' text=''
    for seed in 0 1 2 3 4 5; do
        if caught "$1" "$2" "CUDA_CPU_SEED=$seed" "FAILED: $1:"; then
            found="$found $seed"
            text=$(message "FAILED: $1:")
        fi
    done
    row "$1" "$2" "SEED=${found:- none}" "$([ -n "$found" ] && echo yes || echo NO)" "$text"
}

plain_bugs() {
    for s in 0 1 2 3 4 5; do right "$1" CUDA_CPU_SEED=$s; done
    for s in CUDA_CPU_LAZY=1 CUDA_CPU_GUARD=1 "CUDA_CPU_LAZY=1 CUDA_CPU_SEED=1"; do right "$1" "$s"; done
    for bug in no_syncthreads no_syncwarp no_wait uninitialised uninitialised_later block_order graph_no_event; do
        expect_seeds $bug "$1"
    done
    for bug in two_barriers early_return deadlock grid_sync idle_lane not_in_mask host_pointer use_after_free; do
        expect $bug "$1" CUDA_CPU_SEED=0
    done
    [ -n "$run" ] || expect deep "$1" CUDA_CPU_SEED=0
    expect too_many_threads "$1" CUDA_CPU_SEED=0 "invalid configuration argument"
    expect too_much_shared "$1" CUDA_CPU_SEED=0 "invalid argument"
    expect copy_too_long "$1" CUDA_CPU_SEED=0 "invalid argument"
    expect no_stream_sync "$1" CUDA_CPU_LAZY=1 "FAILED: no_stream_sync:"
    expect no_event "$1" CUDA_CPU_LAZY=1 "FAILED: no_event:"
    [ -n "$run" ] || expect host_touches_device "$1" CUDA_CPU_GUARD=1
    # shellcheck disable=SC2086
    if env CUDA_CPU_LAX=1 $run "$out/$1/bugs" early_return >"$out/log" 2>&1; then
        row early_return "$1" CUDA_CPU_LAX=1 "let be" "$(tail -1 "$out/log")"
    else
        row early_return "$1" CUDA_CPU_LAX=1 NO "$(head -1 "$out/log")"
    fi
}

asan_bugs() {
    for s in 0 1; do right "$1" CUDA_CPU_SEED=$s; done
    for bug in global_oob static_oob dynamic_oob; do expect $bug "$1" CUDA_CPU_SEED=0; done
}

tsan_bugs() {
    for s in 0 1; do right "$1" CUDA_CPU_SEED=$s; done
    for bug in no_syncthreads no_syncwarp shuffle_orders_nothing no_atomic; do
        expect $bug "$1" CUDA_CPU_SEED=0
    done
}

# Does ThreadSanitizer of this compiler run here?  Some kernels randomise addresses more
# than it can bear; setarch -R turns that off.
tsan_works() {
    run=
    echo 'int main(void) { return 0; }' | $1 -fsanitize=thread -x c -o "$out/try" - 2>/dev/null || return 1
    "$out/try" 2>/dev/null && return 0
    run="setarch $(uname -m) -R"
    $run "$out/try" 2>/dev/null
}

mkdir -p $out
if [ "${1:-}" = debug ]; then
    flags=$(echo "$flags" | sed 's/-O2 -g /-O0 -g3 /')
    build debug "${CC:-gcc}" "${CXX:-g++}" "" "" ""
    exit 0
fi
row "what" build settings found message
if command -v g++ >/dev/null; then
    build gcc gcc g++ "" "" ""
    $out/gcc/fibers >/dev/null || row "(fibers)" gcc "" NO ""
    plain_bugs gcc
    build gcc-asan gcc g++ "$ub" -DCU_ASAN ""
    asan_bugs gcc-asan
    expect misaligned gcc-asan CUDA_CPU_SEED=0 # clang does not check copies of a struct
fi
if command -v clang++ >/dev/null; then
    build clang clang clang++ "" "" ""
    plain_bugs clang
    build clang-asan clang clang++ "$ub" -DCU_ASAN ""
    asan_bugs clang-asan
fi
for cc in gcc clang; do
    cxx=$([ $cc = gcc ] && echo g++ || echo clang++)
    if command -v "$cxx" >/dev/null && tsan_works $cc; then
        build $cc-tsan $cc "$cxx" -fsanitize=thread -DCU_TSAN ""
        tsan_bugs $cc-tsan
    fi
    run=
done

# The same text as CUDA; where there is a GPU, it runs on that, too.
# -fmad=false: the check of elementary functions is for the same bits as the host's.
gpu() {
    arch="-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90"
    objects=
    for f in $good $bugs tests/emulator/speed.cu; do
        object=$out/$(basename "$f").nvcc.o
        # shellcheck disable=SC2086
        if nvcc -std=c++17 -O2 -fmad=false -Werror all-warnings $arch -Itests/emulator -Icommon \
            -c -o "$object" "$f" >"$out/log" 2>&1; then
            row "(compiles) $(basename "$f")" nvcc "sm_80 sm_90" yes ""
        else
            row "(compiles) $(basename "$f")" nvcc "sm_80 sm_90" NO "$(grep -a error "$out/log" | head -1)"
        fi
        case $good in *$f*) objects="$objects $object" ;; esac
    done
    mkdir -p "$out/gpu"
    # shellcheck disable=SC2086
    if nvcc $arch -o "$out/gpu/good" $objects -lcublas >"$out/log" 2>&1; then
        row "(links)" nvcc "" yes ""
        if nvidia-smi -L >/dev/null 2>&1; then right gpu ""; fi
    else
        row "(links)" nvcc "" NO "$(head -1 "$out/log")"
    fi
}
PATH=$PATH:/usr/local/cuda/bin
if command -v nvcc >/dev/null; then gpu; fi

if command -v aarch64-linux-gnu-g++ >/dev/null && command -v qemu-aarch64 >/dev/null; then
    build aarch64 aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ "" "" ""
    run="qemu-aarch64 -L /usr/aarch64-linux-gnu"
    $run $out/aarch64/fibers >/dev/null || row "(fibers)" aarch64 "" NO ""
    plain_bugs aarch64
    run=
fi

for b in gcc clang; do
    [ ! -x $out/$b/speed ] || { echo "speed of the build $b:" && $out/$b/speed; }
done
[ $missed = 0 ] || echo "run.sh: $missed missed"
[ $missed = 0 ]
