#!/bin/sh
# make deps: what the build and the tests need, from the system's packages.  Nothing is installed
# that is there already.
set -eu
if command -v apt-get >/dev/null; then
    packages="gcc libc6-dev libgomp1 libutf8proc-dev libcriterion-dev python3 curl"
    missing=
    for p in $packages; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q ' installed' || missing="$missing $p"
    done
    if [ -z "$missing" ]; then
        echo "deps: all there"
        exit 0
    fi
    echo "deps: installing$missing"
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    $sudo apt-get install -y -qq --no-install-recommends $missing
elif command -v brew >/dev/null; then
    brew install gcc utf8proc criterion python3 curl
    echo "deps: now build with CC=gcc-NN, the gcc that brew has installed"
else
    echo "deps: neither apt-get nor brew; install a C11 compiler with OpenMP, utf8proc, Criterion," >&2
    echo "      Python 3 and curl by hand" >&2
    exit 1
fi
