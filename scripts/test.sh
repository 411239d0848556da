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
passed=()
failed=()

summary() {
    printf '\n=== summary after %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
    printf '%s\n' "${passed[@]/#/  passed  }" "${failed[@]/#/  FAILED  }" | grep . || true
}

check() { # check NAME COMMAND...
    local name=$1 begun=$SECONDS
    shift
    printf '\n=== %s  [%d:%02d]\n' "$name" $((begun / 60)) $((begun % 60))
    if "$@"; then
        passed+=("$name ($((SECONDS - begun)) s)")
    else
        failed+=("$name ($((SECONDS - begun)) s)")
        printf '=== FAILED: %s\n' "$name" >&2
        [ "$keep_going" = true ] || { summary && exit 1; }
    fi
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

nachos_needs_no_libtorch() {
    if ldd target/release/nachos | grep -E 'torch|c10'; then
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
    local folder script=$PWD/scripts/quickstart.sh
    folder=$(mktemp -d) || return
    (export QUICKSTART_DIR="$folder/a b" QUICKSTART_STEPS=150 && cd / && "$script" && "$script" >"$folder/second") &&
        [ "$(grep -c '^done before' "$folder/second")" = 7 ]
    local status=$?
    rm -rf "$folder"
    return $status
}

check "set-up" scripts/setup.sh test
check "format" cargo fmt --all --check
check "clippy" cargo clippy --release --workspace --all-targets -- -D warnings
check "build" cargo build --release --workspace
check "Rust tests" rust_tests
check "doc tests" doc_tests
check "documentation" documentation
check "nachos needs no libtorch" nachos_needs_no_libtorch
check "drbert finds libtorch" drbert_finds_libtorch
for script in tests/python/check_*.py; do
    check "${script#tests/python/}" .venv/bin/python "$script"
done
check "quickstart, small, twice" quickstart
summary
[ ${#failed[@]} = 0 ]
