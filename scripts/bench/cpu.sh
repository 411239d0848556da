#!/usr/bin/env bash
# Measures drbert's loader and step on a CPU and what others use for them, on the same rows, in turn, and prints the ratios.
#
#   scripts/bench/cpu.sh SHARDS WORK
#
# SHARDS is a shard directory, WORK a folder that takes what is installed and written. Every program runs RUNS (3) times, and the median counts. The peers' packages
# are installed into WORK/peers; DRBERT names the program (default target/release/drbert).
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
shards=$(realpath "$1")
mkdir -p "$2" && cd "$2"
drbert=${DRBERT:-$root/target/release/drbert}
config=(--config "$root/trainer/configs/small.toml" --set "data.shards=\"$shards\"" --set train.device=cpu)
. "$root/scripts/bench/peer_packages.sh"

peer() { with_peers "$root/scripts/bench/train_peers.py" "$@" 2>"peer-$1.log" | tail -n 1; }
median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }
figure() { python3 -c 'import json, sys; found = json.load(sys.stdin); found = found[-1] if isinstance(found, list) else found; print(found["tokens_per_second"])'; }

rm -f -- *.figures
for _ in $(seq "${RUNS:-3}"); do
    "$drbert" bench step "${config[@]}" --set train.steps=12 --json | figure >>step.figures
    peer step "$shards" >>trainer.figures || echo "Hugging Face Trainer failed: $PWD/peer-step.log" >&2
    "$drbert" bench loader "${config[@]}" --set data.loader_threads=2 --json | figure >>loader.figures
    peer dataloader "$shards" >>dataloader.figures || echo "the DataLoader failed: $PWD/peer-dataloader.log" >&2
    peer streaming "$shards" >>streaming.figures || echo "Streaming failed: $PWD/peer-streaming.log" >&2
done

show() { # show WHAT FIGURES [OURS]
    local own ours=${3-}
    [ -s "$2" ] || { printf '%-78s %14s\n' "$1" "did not run" && return; }
    own=$(median <"$2")
    printf '%-78s %14.0f %s\n' "$1" "$own" "${ours:+$(awk "BEGIN { printf \"%8.1fx\", $(median <"$ours") / $own }")}"
}
printf '\n%-78s %14s %9s\n' 'what' 'tokens/s' 'drbert is'
show 'drbert bench step, 4 × 256, rows of 512, 8 rows a step, fp32' step.figures
show 'Hugging Face Trainer, the same model and rows' trainer.figures step.figures
show 'drbert bench loader, 2 threads' loader.figures
show 'datasets + torch DataLoader + masking collator, 2 workers' dataloader.figures loader.figures
show 'MosaicML Streaming + torch DataLoader + masking collator, 2 workers' streaming.figures loader.figures
