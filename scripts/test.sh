#!/usr/bin/env bash
# Runs every check and stops at the first that fails, unless told to go on.
#
#   scripts/test.sh [--keep-going]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1-} in
'') keep_going=false ;;
--keep-going) keep_going=true ;;
*) printf 'usage: scripts/test.sh [--keep-going]\n' >&2 && exit 2 ;;
esac

# libtorch's threads wait for each other asleep: while another program wants the same cores, spinning costs nine tenths of the speed.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-3}
export PYTHONPYCACHEPREFIX=$PWD/target/python
unset PYTHONDONTWRITEBYTECODE # the checks import the same large packages, one after the other

scratch=$(mktemp -d)
passed=()
failed=()
declare -A running=() begun=() # a check's process: its name, and when it began

summary() {
    printf '\n=== summary after %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
    printf '%s\n' "${passed[@]/#/  passed  }" "${failed[@]/#/  FAILED  }" | grep . || true
}

heading() { # heading NAME SECONDS
    printf '\n=== %s  [%d:%02d]\n' "$1" $(($2 / 60)) $(($2 % 60))
}

start() { # start NAME COMMAND...: as a group of processes, which can be ended as one
    set -m
    ("${@:2}" || exit) </dev/null &
    set +m
    running[$!]=$1
    begun[$!]=$SECONDS
}

end_all() {
    local process
    for process in "${!running[@]}"; do kill -INT -- "-$process" 2>/dev/null || true; done
    wait
}
trap 'rm -rf "$scratch"' EXIT
trap 'end_all; exit 130' INT
trap 'end_all; exit 143' TERM HUP

collect() { # collect NUMBER: waits until no more than so many checks run
    local process status name at
    while [ ${#running[@]} -gt "$1" ]; do
        status=0
        wait -n -p process "${!running[@]}" || status=$?
        name=${running[$process]} at=${begun[$process]}
        unset "running[$process]"
        [ ! -e "$scratch/$name" ] || { heading "$name" "$at" && cat "$scratch/$name"; }
        if [ $status = 0 ]; then
            passed+=("$name ($((SECONDS - at)) s)")
        else
            failed+=("$name ($((SECONDS - at)) s)")
            printf '=== FAILED: %s\n' "$name" >&2
            [ "$keep_going" = true ] || { end_all && summary && exit 1; }
        fi
    done
}

check() { # check NAME COMMAND...: runs it alone
    heading "$1" $SECONDS
    start "$@"
    collect 0
}

beside() { # beside NAME COMMAND...: runs it beside others; `collect` shows what it wrote
    start "$@" >"$scratch/$1" 2>&1
}

build_ahead() { # all that needs no libtorch; the build proper tells of what fails
    [ -e .libtorch ] || cargo build --release --workspace --bins --tests --keep-going 2>/dev/null || true
}

rust_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --release --workspace --no-fail-fast
    else
        cargo test --release --workspace --all-targets --no-fail-fast
    fi
}

doc_tests() { # only where a doc comment holds code
    ! grep -rqE '^ *//[/!] ```' --include='*.rs' schemas pipeline trainer || cargo test --release --workspace --doc
}

documentation() { RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --no-deps; }

nachos_needs_no_libtorch() { # by the libraries' names: an address may hold c10 too
    if ldd target/release/nachos | awk '{ print $1 }' | grep -E 'torch|c10'; then
        echo "nachos must run on a machine without libtorch" >&2
        return 1
    fi
}

drbert_finds_libtorch() {
    if env -u LD_LIBRARY_PATH ldd target/release/drbert | grep 'not found'; then
        echo "drbert must find libtorch by its rpath" >&2
        return 1
    fi
    env -u LD_LIBRARY_PATH target/release/drbert --version
}

quickstart() { # in a folder whose name has a space, from elsewhere, twice: the second run has nothing left to do
    local script=$PWD/scripts/quickstart.sh second=$scratch/second
    (export QUICKSTART_DIR="$scratch/a b" QUICKSTART_STEPS=150 && cd / && "$script" && "$script" >"$second") &&
        [ "$(grep -c '^done before' "$second")" = 7 ]
}

beside "set-up" scripts/setup.sh test
beside "build ahead" build_ahead
collect 0
check "format" cargo fmt --all --check
check "clippy" cargo clippy --release --workspace --all-targets -- -D warnings
check "build" cargo build --release --workspace
check "Rust tests" rust_tests
check "doc tests" doc_tests
check "documentation" documentation
check "nachos needs no libtorch" nachos_needs_no_libtorch
check "drbert finds libtorch" drbert_finds_libtorch
# Each of the rest mostly keeps one core busy, or waits.
beside "quickstart, small, twice" quickstart
for script in tests/python/check_*.py; do
    collect 1
    beside "${script#tests/python/}" .venv/bin/python "$script"
done
collect 0
summary
[ ${#failed[@]} = 0 ]
