#!/usr/bin/env bash
# Measures `nachos build` and its peers on the same text, in one run, and prints the ratios.
#
#   scripts/bench/pipeline.sh CORPUS WORK [GB]
#
# CORPUS is a folder as scripts/bench/corpus.py wants it, WORK a folder on a local disk that takes three times GB gigabytes (default 0.2; 7.4 is the size of NACHOS).
# Every command runs RUNS (3) times in turn with the others of its size, peers PEER_RUNS times, and the median counts. Peers are given the first 10 MB, ours those and the whole.
# The Python packages of the peers are installed into WORK/peers; where that fails, ours are measured alone.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
corpus=$(realpath "$1") gb=${3:-0.2}
mkdir -p "$2" && cd "$2"
nachos=$root/target/release/nachos
RUNS=${RUNS:-3} PEER_RUNS=${PEER_RUNS:-$RUNS}

(cd "$root" && cargo build --release --quiet -p pipeline)
[ -s "text-$gb.txt" ] || "$root/.venv/bin/python" "$root/scripts/bench/corpus.py" "$corpus" "text-$gb.txt" "$gb" >"text-$gb.json"
head -c 10000000 "text-$gb.txt" >small.txt
[ -d tokenizer ] || "$nachos" train-tokenizer --input "$corpus/medical" --output tokenizer

median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

timed() { # timed NAME COMMAND...: appends the seconds to NAME.seconds
    local name=$1 begun=$EPOCHREALTIME
    shift
    "$@" >"$name.log" 2>&1 || { printf '%s failed, see %s/%s.log\n' "$name" "$PWD" "$name" >&2 && return 1; }
    awk "BEGIN { print $EPOCHREALTIME - $begun }" >>"$name.seconds"
}

build() { # build TEXT THREADS
    rm -rf shards
    "$nachos" build --input "$1" --tokenizer tokenizer --output shards --threads "$2" --profile
}

peers=(tokenizers datasets datatrove)
uv=$root/target/uv/bin/uv
[ -x "$uv" ] || uv=uv
install_peers() {
    "$uv" venv --quiet --clear peers &&
        "$uv" pip install --quiet --python peers/bin/python 'datatrove[processing,io]' spacy datasets transformers && touch peers/complete
}
if [ ! -f peers/complete ] && ! install_peers; then
    echo "the peers' packages cannot be installed: measuring nachos alone" >&2
    peers=()
fi

rm -f -- *.seconds
for _ in $(seq "$PEER_RUNS"); do
    timed small-2 build small.txt 2
    for peer in "${peers[@]}"; do
        timed "$peer" peers/bin/python "$root/scripts/bench/peers.py" "$peer" small.txt tokenizer
    done
done
for _ in $(seq "$RUNS"); do
    for threads in 1 2; do
        timed "whole-$threads" build "text-$gb.txt" $threads
    done
done

rate() { awk "BEGIN { printf \"%.1f\", $(stat -c %s "$1") / 1e6 / $(median <"$2.seconds") }"; }
small=$(rate small.txt small-2)
printf '\n%-58s %8s %9s\n' 'what' 'MB/s' 'nachos is'
printf '%-58s %8s\n' "nachos build, everything on, 10 MB, 2 threads" "$small"
for peer in "${peers[@]}"; do
    case $peer in
    tokenizers) what="tokenizers library, tokenization alone, 2 threads" ;;
    datasets) what="DrBERT's way: datasets, tokenize and group, 2 processes" ;;
    datatrove) what="datatrove: filters, MinHash, tokens, 2 processes" ;;
    esac
    # A peer's own figure, without the start of Python.
    own=$(grep -o '"mb_per_s": [0-9.]*' "$peer.log" | cut -d' ' -f2)
    printf '%-58s %8s %8.0fx\n' "$what" "$own" "$(awk "BEGIN { print $small / $own }")"
done
one=$(rate "text-$gb.txt" whole-1) two=$(rate "text-$gb.txt" whole-2)
printf '%-58s %8s\n' "nachos build, $gb GB, 1 thread" "$one" "nachos build, $gb GB, 2 threads" "$two"
printf '%-58s %8.2fx\n' "2 threads against 1" "$(awk "BEGIN { print $two / $one }")"
cat whole-2.log
