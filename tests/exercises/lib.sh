# shellcheck shell=sh
# What the tests of exercises share: . tests/exercises/lib.sh
#   expect WHAT WANTED FOUND   dies, showing both, unless they are the same

fail() {
    echo "$*" >&2
    exit 1
}

expect() {
    [ "$2" = "$3" ] || fail "$1:
  wanted: $2
  found:  $3"
}
